//! Settings of record: the country, the currency and the time zone that a database was made with.
//!
//! Amounts, days and phone numbers in a database mean something only by these, so a program with other values must not use it.

use std::sync::Arc;

use kernel::{Context, Policy, Result, country::Country, settings::StartError};

use crate::{Conn, Db, Sql, audit::Entry};

/// What a database was made with.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, sqlx_macros::FromRow)]
pub struct SettingsOfRecord {
    /// The country, as in `COUNTRY`.
    pub country: String,
    /// ISO 4217 code of the currency.
    pub currency: String,
    /// The time zone, as in `TIMEZONE`.
    pub time_zone: String,
}

impl SettingsOfRecord {
    /// The values of these settings.
    pub fn of(policy: &Policy) -> Self {
        let country: Country = policy.country;
        Self { country: country.to_string(), currency: country.currency().to_owned(), time_zone: policy.time_zone.name().to_owned() }
    }

    /// Succeeds when a program with the settings `given` may use a database with these. Errors name both.
    pub fn must_allow(&self, given: &Self) -> Result<(), StartError> {
        if self == given {
            return Ok(());
        }
        let about = if self.country == given.country && self.currency == given.currency { "TIMEZONE" } else { "COUNTRY" };
        let cause = format!("the database was made for {self}, and the settings are {given}");
        let remedy = format!("set COUNTRY={} and TIMEZONE={}, or name another database in DATABASE_URL", self.country, self.time_zone);
        Err(StartError::new(about, cause, remedy).wrong_setting())
    }
}

impl std::fmt::Display for SettingsOfRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({}, {})", self.country, self.currency, self.time_zone)
    }
}

/// Records the settings of a database that has none yet, and returns those that are recorded.
///
/// When several programs do this at once, one of them records its settings, and all of them return those.
pub async fn keep(db: &Db, context: &Arc<Context>) -> Result<SettingsOfRecord> {
    db.transaction(context, async |tx| {
        let given = SettingsOfRecord::of(tx.policy());
        let recorded = Sql::new(
            "INSERT INTO settings_of_record (id, country, currency, time_zone, recorded_at) VALUES (1, $1, $2, $3, $4) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(given.country.clone())
        .bind(given.currency.clone())
        .bind(given.time_zone.clone())
        .bind(tx.now())
        .execute(tx)
        .await?;
        if recorded > 0 {
            tx.record(Entry::new("settings.recorded", "settings_of_record", 1_i64).created(&given));
        }
        find(tx).await.map(|found| found.unwrap_or(given))
    })
    .await
}

/// The settings that are recorded; `None` on a database that an earlier version made and nobody has opened since.
pub async fn find(conn: &mut Conn) -> Result<Option<SettingsOfRecord>> {
    Sql::new("SELECT country, currency, time_zone FROM settings_of_record WHERE id = 1").optional(conn).await
}
