//! Members of objects that are lossless otherwise.

use serde::Serialize;
use serde_json::value::RawValue;
use tollgate_wire::Object;

/// Members that clients insist on, each with the JSON text that stands for
/// "not known".
pub(crate) type Defaults = &'static [(&'static str, &'static str)];

/// Adds what is missing; what is there stays as it is.
pub(crate) fn fill(object: &mut Object, defaults: Defaults) {
    for (key, text) in defaults {
        if !object.contains(key) {
            put_text(object, key, text);
        }
    }
}

/// [`fill`], for the object under a key.
pub(crate) fn fill_under(object: &mut Object, key: &str, defaults: Defaults) {
    let mut inner: Object = object.read(key).ok().flatten().unwrap_or_default();
    fill(&mut inner, defaults);
    put(object, key, &inner);
}

/// Sets a member.
pub(crate) fn put<T: Serialize + ?Sized>(object: &mut Object, key: &str, value: &T) {
    object
        .set(key, value)
        .expect("what pages show are numbers, texts, lists and objects with texts for keys");
}

fn put_text(object: &mut Object, key: &str, text: &str) {
    let raw = RawValue::from_string(text.to_owned()).expect("the tables hold JSON");
    object.set_raw(key, raw);
}

/// `{"data": …}`, as OpenRouter wraps most of its answers.
#[derive(Debug, Serialize)]
pub(crate) struct Data<T> {
    pub(crate) data: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_as_it_was_written() {
        let mut object = Object::parse(br#"{"n":1.10,"in":{"a":null}}"#).unwrap();
        fill(&mut object, &[("n", "0"), ("m", "null")]);
        fill_under(&mut object, "in", &[("a", "1"), ("b", "[]")]);
        fill_under(&mut object, "new", &[("c", "false")]);
        assert_eq!(
            String::from_utf8(object.to_vec()).unwrap(),
            r#"{"n":1.10,"in":{"a":null,"b":[]},"m":null,"new":{"c":false}}"#
        );
    }
}
