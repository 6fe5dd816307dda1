//! Settings of access: the keys and lifetimes of tokens, and the first administrator.

use chrono::TimeDelta;
use kernel::{Secret, settings::Reader};

/// The settings of access.
#[derive(Clone, Debug)]
pub struct AccessSection {
    /// Key that signs tokens; if `None`, one is created beside the database, only when the program binds to a loopback address.
    pub jwt_secret: Option<Secret>,
    /// The previous key, which still verifies tokens.
    pub jwt_secret_previous: Option<Secret>,
    /// Lifetime of an access token.
    pub access_token_life: TimeDelta,
    /// Lifetime of a refresh token.
    pub refresh_token_life: TimeDelta,
    /// Name of the first administrator of an empty database.
    pub admin_username: String,
    /// Password of the first administrator; if `None`, one is generated and printed once.
    pub admin_password: Option<Secret>,
}

/// Reads the section.
pub fn read(from: &mut Reader<'_>) -> AccessSection {
    AccessSection {
        jwt_secret: from.secret("JWT_SECRET", "at least 32 bytes", 32),
        jwt_secret_previous: from.secret("JWT_SECRET_PREVIOUS", "at least 32 bytes", 32),
        access_token_life: TimeDelta::minutes(from.number("ACCESS_TOKEN_MINUTES", "a number of minutes from 1 to 1440", 1..=1440, 15)),
        refresh_token_life: TimeDelta::days(from.number("REFRESH_TOKEN_DAYS", "a number of days from 1 to 365", 1..=365, 7)),
        admin_username: from.text("ADMIN_USERNAME").unwrap_or("admin").to_owned(),
        admin_password: from.secret("ADMIN_PASSWORD", "at least 10 characters", 10),
    }
}
