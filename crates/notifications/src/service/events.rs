//! The list of events, for staff and for programs.

use acl::SignedIn;
use chrono::TimeDelta;
use database::{Conn, Page, Paging, Tx};
use kernel::{Error, Result};

use crate::{
    audience,
    input::EventFilter,
    model::{RecordedEvent, refusal},
    store::events as store,
};

/// Lists the events that the caller may see. Errors: `events_forgotten`.
pub async fn list(conn: &mut Conn, caller: &SignedIn, filter: &EventFilter, paging: &Paging) -> Result<Page<RecordedEvent>> {
    let kinds = audience::visible(|permission| caller.may(permission));
    if let Some(last) = filter.last_event_id {
        must_be_kept(conn, last).await?;
    }
    store::list(conn, filter, &kinds, paging).await
}

/// Errors: `events_forgotten` when events after this one are no longer stored, and when this one never was, as after a backup was
/// restored; 0 means all stored events.
pub async fn must_be_kept(conn: &mut Conn, last: i64) -> Result<()> {
    if last == 0 {
        return Ok(());
    }
    let refused = |why| Error::new(refusal::EVENTS_FORGOTTEN).with("why", why);
    match store::forgotten(conn).await? {
        forgotten if last < forgotten => return Err(refused("old").with("forgotten", forgotten)),
        _ => {}
    }
    match store::newest(conn).await? {
        newest if last > newest => Err(refused("beyond").with("newest", newest)),
        _ => Ok(()),
    }
}

/// Reads the next events after this one, of every kind; the caller filters them for each of its readers.
pub async fn after(conn: &mut Conn, id: i64, limit: i64) -> Result<Vec<RecordedEvent>> {
    store::after(conn, id, limit).await
}

/// The id of the newest event.
pub async fn newest(conn: &mut Conn) -> Result<i64> {
    store::newest(conn).await
}

/// Removes processed events older than this, a limited number at a time; returns how many.
pub async fn forget(tx: &mut Tx, days: i64, limit: i64) -> Result<usize> {
    let now = tx.now();
    store::forget(tx, now - TimeDelta::days(days), limit).await
}
