//! Objects of which a few members count: each of those once and in its own spelling, all others unread.

use std::borrow::Cow;

use serde::Deserialize;

/// A text that borrows where it has no escapes, also within an `Option`.
#[derive(Debug, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// Makes a struct of the members that count. Each is `None` where it does not stand; one that stands twice, or beside
/// one that differs in case alone, is an error.
macro_rules! members {
    (struct $name:ident { $($field:ident: $type:ty = $text:literal,)* }) => {
        #[derive(Debug, Default)]
        struct $name<'a> {
            $($field: Option<$type>,)*
        }

        impl<'de: 'a, 'a> serde::Deserialize<'de> for $name<'a> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Reader;
                impl<'de> serde::de::Visitor<'de> for Reader {
                    type Value = $name<'de>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        use serde::de::Error as _;
                        let mut read = $name::default();
                        while let Some(name) = map.next_key::<$crate::envelope::members::Text<'de>>()? {
                            match &*name.0 {
                                $($text if read.$field.is_none() => read.$field = Some(map.next_value()?),)*
                                other if [$($text),*].iter().any(|known| $crate::envelope::members::alike(other, known)) => {
                                    return Err(A::Error::custom("a member stands twice, or in another spelling"));
                                }
                                _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                            }
                        }
                        Ok(read)
                    }
                }
                deserializer.deserialize_map(Reader)
            }
        }
    };
}

pub(crate) use members;

/// Whether a reader that does not mind case takes one for the other. Beside the ASCII letters, two others fold to one.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    one.chars().map(fold).eq(other.chars().map(fold))
}
