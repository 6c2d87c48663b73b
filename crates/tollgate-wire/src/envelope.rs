//! Envelopes: objects with accessors, for bodies on the hot path, where reading every field would cost too much.

/// Declares an envelope around an [`Object`](crate::Object).
macro_rules! envelope {
    ($( $(#[$meta:meta])* pub struct $Name:ident; )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $Name($crate::Object);

        impl $Name {
            /// The body.
            pub fn object(&self) -> &$crate::Object {
                &self.0
            }

            /// The body, to change any member of it.
            pub fn object_mut(&mut self) -> &mut $crate::Object {
                &mut self.0
            }

            /// The body, given up.
            pub fn into_object(self) -> $crate::Object {
                self.0
            }

            /// Writes the body as JSON text: every member that was not changed is the text it was.
            pub fn to_vec(&self) -> Vec<u8> {
                self.0.to_vec()
            }

            /// Sets any member, known or not: the way to options that have no method.
            ///
            /// # Errors
            /// When the value cannot be written as JSON, such as a map whose keys are not strings.
            pub fn with_option<T: serde::Serialize + ?Sized>(mut self, key: &str, value: &T) -> Result<Self, $crate::ParseError> {
                self.0.set(key, value)?;
                Ok(self)
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }
    )* };
}
pub(crate) use envelope;

/// Declares `with_…` methods of an envelope. `text` takes a string, `list` strings, `value` a value of the type.
macro_rules! options {
    ($( $(#[$meta:meta])* $kind:ident $with:ident $(: $Type:ty)? = $key:literal; )*) => {
        $( $crate::envelope::option!($(#[$meta])* $kind $with $(: $Type)? = $key); )*
    };
}
pub(crate) use options;

macro_rules! option {
    ($(#[$meta:meta])* text $with:ident = $key:literal) => {
        $(#[$meta])*
        #[must_use]
        pub fn $with(mut self, value: &str) -> Self {
            self.0.put($key, value);
            self
        }
    };
    ($(#[$meta:meta])* list $with:ident = $key:literal) => {
        $(#[$meta])*
        #[must_use]
        pub fn $with<T: Into<String>>(mut self, values: impl IntoIterator<Item = T>) -> Self {
            let values: Vec<String> = values.into_iter().map(Into::into).collect();
            self.0.put($key, &values);
            self
        }
    };
    ($(#[$meta:meta])* value $with:ident: $Type:ty = $key:literal) => {
        $(#[$meta])*
        #[must_use]
        pub fn $with(mut self, value: $Type) -> Self {
            self.0.put($key, &value);
            self
        }
    };
}
pub(crate) use option;
