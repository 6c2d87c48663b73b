//! A key that a command is given: by the name of the variable that has it, never as an argument,
//! where other programs could see it.

use tollgate::ApiKey;

use crate::exit::{Trouble, code};

/// The key in the variable of the environment that `--key-env` names.
#[expect(
    clippy::disallowed_methods,
    reason = "a key that is passed on once is no setting"
)]
pub(crate) fn of_variable(name: &str) -> Result<ApiKey, Trouble> {
    let text = std::env::var(name).map_err(|_| {
        // The name may be the key itself, typed in the wrong place.
        Trouble::new(code::USAGE, "the variable that --key-env names is not set")
            .with_hint("export it first")
    })?;
    read(&text, name)
}

/// The key that is the text of that place.
pub(crate) fn read(text: &str, place: &str) -> Result<ApiKey, Trouble> {
    let text = text.trim();
    if text.is_empty() {
        let message = format!("there is no key in {place}");
        return Err(Trouble::new(code::USAGE, message));
    }
    // Whatever else is in it, a key is one word; so a whole file of them is noticed.
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("what is in {place} is no key: a key is one word without spaces");
        return Err(Trouble::new(code::USAGE, message));
    }
    Ok(ApiKey::new(text))
}
