//! A file that others write while the server runs.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A file, as it looked the last times.
pub(super) struct Watched {
    path: PathBuf,
    /// As it was when it was last read.
    read: Look,
    last: Look,
    /// Whether it may be gone for good; else one that is gone is being replaced.
    may_be_gone: bool,
}

/// What tells one content from another.
type Look = Option<(SystemTime, u64)>;

/// What a look at a file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is being written.
    Changing,
    /// It is as it was when it was read.
    Same,
    /// It differs, and stayed as it is since the last look. Told once.
    Anew,
}

impl Watched {
    /// Looks at a file that is about to be read: a change after that is seen.
    pub(super) fn new(path: PathBuf) -> Self {
        let look = look(&path);
        Self {
            path,
            read: look,
            last: look,
            may_be_gone: false,
        }
    }

    /// Takes a file that is gone for one that says nothing.
    pub(super) fn that_may_be_gone(mut self) -> Self {
        self.may_be_gone = true;
        self
    }

    /// Looks again. Editors write in several steps, so a change is told once
    /// the file has stayed as it is from one look to the next.
    pub(super) fn look(&mut self) -> Seen {
        let now = look(&self.path);
        let has_settled = std::mem::replace(&mut self.last, now) == now;
        if !has_settled || (now.is_none() && !self.may_be_gone) {
            return Seen::Changing;
        }
        match std::mem::replace(&mut self.read, now) == now {
            true => Seen::Same,
            false => Seen::Anew,
        }
    }
}

fn look(path: &Path) -> Look {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Seen::{Anew, Changing, Same};

    #[test]
    fn a_change_is_told_once_and_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write("a");
        let mut watched = Watched::new(path.clone());
        // What comes between the first look and the reading counts as a change.
        write("ab");
        assert_eq!(
            [(); 4].map(|()| watched.look()),
            [Changing, Anew, Same, Same]
        );
        write("abc");
        assert_eq!(watched.look(), Changing);
        write("abcd");
        assert_eq!([(); 3].map(|()| watched.look()), [Changing, Anew, Same]);
    }

    #[test]
    fn a_file_that_is_gone_is_being_replaced_unless_it_may_be_gone() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, may_be_gone: bool, expected: [Seen; 3]| {
            let path = folder.path().join(name);
            std::fs::write(&path, "a").unwrap();
            let watched = Watched::new(path.clone());
            let mut watched = match may_be_gone {
                true => watched.that_may_be_gone(),
                false => watched,
            };
            std::fs::remove_file(&path).unwrap();
            assert_eq!([(); 3].map(|()| watched.look()), expected, "{name}");
        };
        check("configuration", false, [Changing, Changing, Changing]);
        check("keys", true, [Changing, Anew, Same]);
    }
}
