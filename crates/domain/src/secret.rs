//! A secret as it is handed over, and as it is kept. Sealing and opening are the business of `secrets`.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A text that does not print: a tenant's secret, or a setting that could be one. Its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for whoever hands it over to what asks for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// A secret sealed for one tenant under one name. It opens for nobody without a key, so it may stand anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    epoch: u32,
    bytes: Arc<[u8]>,
}

impl Sealed {
    /// What the key of this epoch made: a nonce and what it sealed.
    pub fn new(epoch: u32, bytes: impl Into<Arc<[u8]>>) -> Self {
        Self { epoch, bytes: bytes.into() }
    }

    /// Which key sealed it: they count up from 1.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The nonce and what was sealed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sealed in epoch {}", self.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_prints_what_it_holds() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some(****)");
        assert_eq!(format!("{:?}", Sealed::new(3, *b"hunter2")), "sealed in epoch 3");
    }
}
