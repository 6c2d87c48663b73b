use clap::CommandFactory;

use crate::args::Cli;
use crate::ui;

pub(crate) fn run(shell: clap_complete::Shell) {
    // It panics when it cannot write, as it cannot once a reader such as `head` has enough.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tollgate", &mut script);
    ui::piece(&String::from_utf8_lossy(&script));
}
