//! What is wrong with a request, before any model is asked.

/// What is wrong with a request, and what some hosts tell beside the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// The row of the error table.
    pub(crate) row: &'static str,
    /// The row's own message when absent.
    pub(crate) message: Option<String>,
    /// OpenAI's `code`, where it is not the row's usual one.
    pub(crate) code: Option<&'static str>,
    /// The field at fault.
    pub(crate) param: Option<String>,
}

impl Complaint {
    pub(crate) fn new(row: &'static str, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            ..Self::usual(row)
        }
    }

    /// What the table says.
    pub(crate) fn usual(row: &'static str) -> Self {
        Self {
            row,
            message: None,
            code: None,
            param: None,
        }
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

/// Most complaints are a sentence, and the request is a bad one.
impl From<String> for Complaint {
    fn from(message: String) -> Self {
        Self::new("bad-request", message)
    }
}

impl From<&str> for Complaint {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}
