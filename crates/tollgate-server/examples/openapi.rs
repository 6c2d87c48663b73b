//! Prints the OpenAPI document, as `docs/openapi.json` has it.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    writeln!(io::stdout(), "{:#}", tollgate_server::openapi())
}
