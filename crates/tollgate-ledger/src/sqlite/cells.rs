//! The values of a row in one run of bytes: what is bound is what is hashed.

use rusqlite::Statement;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tollgate_core::CallId;

/// Values, each as its kind (one byte), its length (eight, little-endian) and
/// its bytes. No two lists of values have the same bytes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Cells(Vec<u8>);

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

impl Cells {
    pub(super) fn new() -> Self {
        // Most events are shorter.
        Self(Vec::with_capacity(640))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn put(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Null => self.write(NULL, &[]),
            ValueRef::Integer(integer) => self.write(INTEGER, &integer.to_le_bytes()),
            // No column is real; a file that was tampered with may hold one.
            ValueRef::Real(real) => self.write(REAL, &real.to_bits().to_le_bytes()),
            ValueRef::Text(text) => self.write(TEXT, text),
            ValueRef::Blob(blob) => self.write(BLOB, blob),
        }
    }

    fn write(&mut self, kind: u8, bytes: &[u8]) {
        self.0.push(kind);
        self.0.extend((bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// Big-endian, so that bytes sort as ids do.
    pub(super) fn id(mut self, call: CallId) -> Self {
        self.write(BLOB, &call.as_u128().to_be_bytes());
        self
    }

    pub(super) fn integer(mut self, integer: impl Into<i64>) -> Self {
        self.put(ValueRef::Integer(integer.into()));
        self
    }

    /// A count; SQLite's integers end at 2⁶³ − 1.
    pub(super) fn count(self, count: u64) -> Self {
        self.integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.write(TEXT, text.as_bytes());
        self
    }

    pub(super) fn null(mut self) -> Self {
        self.put(ValueRef::Null);
        self
    }

    /// What `some` adds, or a null.
    pub(super) fn optional<T>(self, value: Option<T>, some: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => some(self, value),
            None => self.null(),
        }
    }

    pub(super) fn values(&self) -> impl Iterator<Item = ValueRef<'_>> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (kind, after) = rest.split_first()?;
            let (length, after) = after.split_first_chunk::<8>()?;
            let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
            let (bytes, after) = after.split_at_checked(length)?;
            rest = after;
            value(*kind, bytes)
        })
    }

    /// Binds the values to the parameters of a statement, in their order.
    pub(super) fn bind(&self, statement: &mut Statement<'_>) -> rusqlite::Result<()> {
        self.bind_first(usize::MAX, statement)
    }

    /// As [`bind`](Self::bind), so many of them.
    pub(super) fn bind_first(
        &self,
        count: usize,
        statement: &mut Statement<'_>,
    ) -> rusqlite::Result<()> {
        for (place, value) in (1_usize..).zip(self.values().take(count)) {
            statement.raw_bind_parameter(place, ToSqlOutput::Borrowed(value))?;
        }
        Ok(())
    }
}

fn value(kind: u8, bytes: &[u8]) -> Option<ValueRef<'_>> {
    Some(match kind {
        INTEGER => ValueRef::Integer(i64::from_le_bytes(bytes.try_into().ok()?)),
        REAL => ValueRef::Real(f64::from_bits(u64::from_le_bytes(bytes.try_into().ok()?))),
        TEXT => ValueRef::Text(bytes),
        BLOB => ValueRef::Blob(bytes),
        _ => ValueRef::Null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_put() {
        let call = CallId::from_u128(7);
        let cells = Cells::new()
            .id(call)
            .integer(-5)
            .count(u64::MAX)
            .text("snow 雪 \0")
            .null()
            .optional(Some(""), Cells::text);
        let bytes = call.as_u128().to_be_bytes();
        let expected = [
            ValueRef::Blob(&bytes),
            ValueRef::Integer(-5),
            ValueRef::Integer(i64::MAX),
            ValueRef::Text("snow 雪 \0".as_bytes()),
            ValueRef::Null,
            ValueRef::Text(b""),
        ];
        assert_eq!(cells.values().collect::<Vec<_>>(), expected);
        let mut again = Cells::default();
        expected.into_iter().for_each(|value| again.put(value));
        assert_eq!(again, cells);
    }

    #[test]
    fn bytes_do_not_move_between_values() {
        assert_ne!(
            Cells::new().text("ab").text("c"),
            Cells::new().text("a").text("bc")
        );
        assert_ne!(Cells::new().text(""), Cells::new().null());
    }
}
