//! What every domain shares: ids, money, time, pages, edits, errors, the country profile, the database.
//!
//! Start with [`db`] (one SQL text for SQLite and PostgreSQL), [`error`] (one error type, codes by domain) and
//! [`input`] (how a request body becomes a checked value, with every wrong field named at once).

// macros of this crate name it so, also when it uses them itself
extern crate self as kernel;

pub mod audit;
pub mod calendar;
pub mod clock;
pub mod context;
pub mod country;
pub mod db;
pub mod edit;
pub mod error;
pub mod id;
pub mod input;
pub mod locale;
pub mod money;
pub mod outbox;
pub mod outgoing;
pub mod page;
pub mod search;
pub mod text;

pub use calendar::Calendar;
pub use clock::Clock;
pub use context::{Context, Origin, Policy};
pub use edit::{Edit, Expected};
pub use error::{Code, Error, FieldErrors, Kind, Result};
pub use id::Id;
pub use input::Input;
pub use money::Money;
pub use outbox::{Event, EventKind};
pub use page::{Page, Paging};

#[doc(hidden)]
pub mod macro_support {
    pub use {serde, sqlx, utoipa};
}
