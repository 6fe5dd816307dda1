//! Further phone numbers and e-mail addresses of a subscriber.

use std::str::FromStr;

use kernel::{column::Arg, text_column};
use serde::{Deserialize, Serialize};

/// Further phone numbers or e-mail addresses; one column holds them as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Further(pub Vec<String>);

impl Further {
    /// Adds those of another subscriber, in their order and once each, leaving out `own`.
    pub(crate) fn take_in<'a>(&mut self, others: impl IntoIterator<Item = &'a String>, own: Option<&str>) {
        for other in others {
            if !self.0.contains(other) && own != Some(other.as_str()) {
                self.0.push(other.clone());
            }
        }
    }
}

impl FromStr for Further {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text)
    }
}

impl From<&Further> for Arg {
    fn from(further: &Further) -> Self {
        Self::from(serde_json::Value::from(further.0.clone()).to_string())
    }
}

text_column!(Further);
