/// Why outcomes cannot be learned from, or a file is no learned router.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A line of outcomes is not what it should be.
    #[error("line {line} is no row of outcomes; it needs at least `id`, `prompt` and `q`")]
    Row {
        /// The line, from 1.
        line: usize,
        /// What the parser found.
        source: serde_json::Error,
    },
    /// The lists of a row do not fit the models.
    #[error(
        "line {line} has {found} entries in a list where {models} models are named; \
         name the models in the order of the rows' lists"
    )]
    Width {
        /// The line, from 1.
        line: usize,
        /// Entries that it has.
        found: usize,
        /// Models that are named.
        models: usize,
    },
    /// A quality is no share.
    #[error("line {line} has a quality that is not between 0 and 1; scale it first")]
    Quality {
        /// The line, from 1.
        line: usize,
    },
    /// A table names a model twice.
    #[error("the model {0:?} is named twice; one of its columns would be lost")]
    Twice(String),
    /// There is too little to learn from.
    #[error("{rows} rows are too few to learn from; {least} are the least")]
    TooFew {
        /// Rows with a quality.
        rows: usize,
        /// Rows that are needed.
        least: usize,
    },
    /// There is nobody to learn about.
    #[error("the outcomes name {models} models; at least one and at most {most} can be learned")]
    Models {
        /// Models that are named.
        models: usize,
        /// Models that a file can hold.
        most: usize,
    },
    /// A caution was given that is out of range, or no number.
    #[error(
        "a caution of {given} is out of range; give 0 to {most}, or leave it out to have it measured"
    )]
    Caution {
        /// What was given.
        given: f32,
        /// The greatest that there is.
        most: f32,
    },
    /// The bytes are something else.
    #[error(
        "this is no learned router: it does not begin with {magic:?}; make one with `tollgate router train`"
    )]
    NotLearned {
        /// What it should begin with.
        magic: &'static str,
    },
    /// The bytes are of another version.
    #[error(
        "the learned router has format {found}, and this program reads format {known}; \
         train it again with this program"
    )]
    Version {
        /// Version of the file.
        found: u16,
        /// Version that is read.
        known: u16,
    },
    /// The bytes are damaged.
    #[error("the learned router is damaged ({what}); copy it again or train it anew")]
    Damaged {
        /// What is wrong with it.
        what: &'static str,
    },
}
