//! Members that Anthropic takes behind a header of betas only, which is not sent.

use crate::json::is_null;
use crate::translate::fields::{Rule, Rules, carry};
use crate::translate::losses::Losses;
use crate::translate::place::Place;
use crate::{Object, ParseError};

const BETAS: Rules = &[
    (
        "context_management",
        Rule::Lost(&[], "it is a beta; messages are not cleared"),
    ),
    (
        "speed",
        Rule::Lost(&["\"standard\""], "it is a beta; see `service_tier`"),
    ),
    (
        "mcp_servers",
        Rule::Refused(
            &["[]"],
            "is a beta and cannot be sent; send functions and run them yourself",
        ),
    ),
    ("output_format", Rule::Apart),
];

/// Takes them out. A format of the answer goes where it stands since it is no beta any more.
pub(super) fn leave(request: &mut Object, losses: &mut Losses) -> Result<(), ParseError> {
    let mut betas = Object::new();
    for (key, _) in BETAS {
        if let Some(value) = request.remove(key) {
            betas.set_raw(key, value);
        }
    }
    carry(&betas, &mut Object::new(), BETAS, &Place::Top, losses)?;
    let Some(format) = betas
        .remove("output_format")
        .filter(|format| !is_null(format))
    else {
        return Ok(());
    };
    let mut config: Object = request.read("output_config")?.unwrap_or_default();
    if config.has_value("format") {
        losses.add(
            &Place::Top.key("output_format"),
            "`output_config.format` is sent",
        );
        return Ok(());
    }
    config.set_raw("format", format);
    request.put("output_config", &config);
    Ok(())
}
