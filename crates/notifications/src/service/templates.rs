//! The templates of messages: built-in texts, and those that an administrator has changed.

use acl::{Granted, perm};
use database::{Conn, EventKind, Tx, audit::Entry};
use kernel::{Edit, Error, Expected, Result, error::field};
use serde_json::json;

use crate::{
    audience,
    input::TemplateInput,
    model::{Channel, Language, Template, refusal},
    store::templates::{self as store, Changed},
    template::{self, Prepared},
};

/// What identifies a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The kind of event.
    pub kind: EventKind,
    /// The channel of the notification.
    pub channel: Channel,
    /// The language of the notification.
    pub language: Language,
}

/// Lists every template, ordered by kind, channel and language.
pub async fn list(conn: &mut Conn, _: &Granted<perm::NotificationsManage>) -> Result<Vec<Template>> {
    let changed = store::all(conn).await?;
    let keys = audience::all_told()
        .flat_map(|(kind, channel)| Language::ALL.iter().map(move |language| Key { kind, channel, language: *language }));
    keys.map(|key| shown(key, &changed)).collect()
}

/// Returns a template. Errors: `template_not_found`.
pub async fn get(conn: &mut Conn, _: &Granted<perm::NotificationsManage>, key: Key) -> Result<Template> {
    shown(key, &store::all(conn).await?)
}

fn shown(key: Key, changed: &[Changed]) -> Result<Template> {
    let Key { kind, channel, language } = key;
    let builtin = template::builtin(kind, channel, language).ok_or(refusal::TEMPLATE_NOT_FOUND)?;
    let row = changed.iter().find(|row| row.is_of(kind, channel, language));
    let own = row.and_then(|row| row.subject.clone().zip(row.text.clone()));
    let is_customized = own.is_some();
    let (subject, text) = own.unwrap_or_else(|| (builtin.subject.clone(), builtin.text.clone()));
    let version = row.map_or(0, |row| row.version);
    Ok(Template { kind, channel, language, subject, text, is_customized, placeholders: audience::of(kind).placeholders.to_vec(), version })
}

/// Changes the text of future messages.
///
/// Errors: `template_not_found`, `stale_version`, `invalid` with `unknown_placeholder` or `invalid_placeholder`, `required` for a missing
/// subject line, `mismatch` for a subject line on a channel without one.
pub async fn set(
    tx: &mut Tx,
    _granted: &Granted<perm::NotificationsManage>,
    key: Key,
    edit: &Edit<TemplateInput>,
    expected: &Expected,
) -> Result<Template> {
    store::lock(tx).await?;
    let before = shown(key, &store::all(tx).await?)?;
    expected.check(before.version)?;
    let present = TemplateInput { subject: before.subject.clone(), text: before.text.clone() };
    let input = edit.apply(&before, &present, tx.context())?;
    match (key.channel, input.subject.trim().is_empty()) {
        (Channel::Sms, false) => return Err(Error::of_field("subject", field::MISMATCH)),
        (Channel::Email | Channel::InApp, true) => return Err(Error::of_field("subject", field::REQUIRED)),
        _ => {}
    }
    Prepared::new(key.kind, key.channel, &input.subject, &input.text)?;
    let version = store::save(tx, key.kind, key.channel, key.language, Some(&input)).await?;
    let after = Template { subject: input.subject.clone(), text: input.text.clone(), is_customized: true, version, ..before.clone() };
    record(tx, "notification_template.updated", &before, &after);
    Ok(after)
}

/// Restores the built-in text. Errors: `template_not_found`, `stale_version`.
pub async fn reset(tx: &mut Tx, _granted: &Granted<perm::NotificationsManage>, key: Key, expected: &Expected) -> Result<()> {
    store::lock(tx).await?;
    let before = shown(key, &store::all(tx).await?)?;
    expected.check(before.version)?;
    if before.is_customized {
        store::save(tx, key.kind, key.channel, key.language, None).await?;
        let after = shown(key, &store::all(tx).await?)?;
        record(tx, "notification_template.reset", &before, &after);
    }
    Ok(())
}

fn record(tx: &mut Tx, action: &'static str, before: &Template, after: &Template) {
    let id = format!("{}/{}/{}", after.kind, after.channel, after.language);
    let said = |template: &Template| json!({"subject": template.subject, "text": template.text, "version": template.version});
    tx.record(Entry::new(action, "notification_template", id).change(&said(before), &said(after)));
}

/// The parsed templates of one language.
pub(crate) async fn prepared(conn: &mut Conn, language: Language) -> Result<Vec<((EventKind, Channel), Prepared)>> {
    let changed = store::all(conn).await?;
    let mut all = Vec::new();
    for (kind, channel) in audience::all_told() {
        let template = shown(Key { kind, channel, language }, &changed)?;
        // a text saved by an older version may use a placeholder that no longer exists
        let prepared = Prepared::new(kind, channel, &template.subject, &template.text);
        all.push(((kind, channel), prepared.or_else(|_| template::prepared_builtin(kind, channel, language))?));
    }
    Ok(all)
}
