//! SQL of changed templates.

use database::{Conn, EventKind, Sql, Tx};
use kernel::Result;

use crate::{
    input::TemplateInput,
    model::{Channel, Language},
};

/// A template that an administrator has changed or restored.
#[derive(Clone, Debug, sqlx_macros::FromRow)]
pub struct Changed {
    pub kind: String,
    pub channel: String,
    pub language: String,
    pub subject: Option<String>,
    pub text: Option<String>,
    pub version: i64,
}

impl Changed {
    pub fn is_of(&self, kind: EventKind, channel: Channel, language: Language) -> bool {
        (self.kind.as_str(), self.channel.as_str(), self.language.as_str()) == (kind.as_str(), channel.as_str(), language.as_str())
    }
}

/// Reads all changed templates; there is at most one for each kind, channel and language.
pub async fn all(conn: &mut Conn) -> Result<Vec<Changed>> {
    Sql::new("SELECT kind, channel, language, subject, text, version FROM notification_templates").all(conn).await
}

/// Saves the text of a template; no text for the built-in one. Returns its version.
pub async fn save(tx: &mut Tx, kind: EventKind, channel: Channel, language: Language, text: Option<&TemplateInput>) -> Result<i64> {
    let now = tx.now();
    Sql::new(
        "INSERT INTO notification_templates (kind, channel, language, subject, text, updated_at, version) VALUES ($1, $2, $3, $4, $5, $6, 1) \
         ON CONFLICT (kind, channel, language) DO UPDATE SET subject = excluded.subject, text = excluded.text, updated_at = excluded.updated_at, \
         version = notification_templates.version + 1 RETURNING version",
    )
    .bind(kind)
    .bind(channel)
    .bind(language)
    .bind(text.map(|text| text.subject.clone()))
    .bind(text.map(|text| text.text.clone()))
    .bind(now)
    .scalar(tx)
    .await
}

/// Locks the templates until the transaction ends.
pub async fn lock(tx: &mut Tx) -> Result<()> {
    // an unchanged template has no row to lock; the relay's row always exists and is locked only briefly
    Sql::owned(format!("SELECT id FROM event_relay WHERE id = 1{}", tx.for_update())).one::<(i64,)>(tx).await.map(drop)
}
