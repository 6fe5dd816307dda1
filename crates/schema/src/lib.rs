//! The migrations of both engines, compiled in.

use database::Schema;

/// The schema that this program needs.
pub static SCHEMA: Schema =
    Schema { sqlite: sqlx_macros::migrate!("../../migrations/sqlite"), postgres: sqlx_macros::migrate!("../../migrations/postgres") };
