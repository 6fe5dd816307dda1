//! Values and rules that every domain shares, without I/O: ids, money, time, edits, errors, the country profile.
//!
//! Start with [`error`] (the error type, with codes by domain) and [`input`] (how a request body becomes a checked value, with all
//! wrong fields reported at once).

// the macros of this crate refer to it as `kernel`, also when they are used in it
extern crate self as kernel;

pub mod calendar;
pub mod check_digits;
pub mod clock;
pub mod column;
pub mod context;
pub mod country;
pub mod digest;
pub mod edit;
pub mod email;
pub mod error;
pub mod id;
pub mod input;
pub mod money;
mod patience;
pub mod phone;
mod secret;
pub mod settings;
pub mod several;
pub mod text;

pub use calendar::Calendar;
pub use clock::Clock;
pub use context::{Actor, Context, Origin, Policy};
pub use edit::{Edit, Expected};
pub use error::{Code, Error, FieldErrors, Kind, Result};
pub use id::Id;
pub use input::Input;
pub use money::Money;
pub use patience::Patience;
pub use secret::Secret;
pub use several::Several;

#[doc(hidden)]
pub mod macro_support {
    pub use {serde, sqlx, utoipa};
}
