//! Refused accesses in the audit trail, with a bounded share for each user.
//!
//! The first refusals of a user in a minute are recorded one by one. The last of these says that more would be counted, and
//! those that follow are counted in memory and recorded as one row once the minute is over. So a user cannot fill the trail, and a
//! missing count shows that the program was killed in between.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use database::{Db, audit::Entry};
use kernel::{Context, Result, id::UserId};
use serde_json::Value;

use crate::permission::Permission;

/// Characters of a path that are stored.
const PATH_LENGTH: usize = 500;
/// Refusals of a user in a minute that are recorded one by one.
const SHARE: u32 = 20;
/// The time for which a share is.
const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Counts the refused accesses of each user.
#[derive(Default)]
pub struct DenialLog {
    windows: Mutex<HashMap<UserId, Window>>,
    /// Rows that could not be written.
    owed: Mutex<Vec<Entry>>,
}

/// A user's refusals within a minute.
struct Window {
    began: DateTime<Utc>,
    recorded: u32,
    beyond: Option<Beyond>,
}

/// Refusals beyond the share.
struct Beyond {
    /// The first of them.
    context: Arc<Context>,
    /// When the last of them happened.
    until: DateTime<Utc>,
    by_permission: BTreeMap<Permission, u64>,
}

impl DenialLog {
    /// Records or counts that the context's actor was refused for want of this permission.
    pub async fn note(&self, db: &Db, context: &Arc<Context>, permission: Permission, path: &str) -> Result<()> {
        let Some(user) = context.actor.user_id else { return Ok(()) };
        let entries = self.judge(user, context, permission, path);
        self.write(db, context, entries).await
    }

    fn judge(&self, user: UserId, context: &Arc<Context>, permission: Permission, path: &str) -> Vec<Entry> {
        let now = context.now;
        let mut windows = lock(&self.windows);
        let window = windows.entry(user).or_insert_with(|| Window::new(now));
        let mut entries = Vec::new();
        if window.is_over(now) {
            entries.extend(window.beyond.take().map(Beyond::entry));
            *window = Window::new(now);
        }
        if window.recorded < SHARE {
            window.recorded += 1;
            let path: String = path.chars().take(PATH_LENGTH).collect();
            let entry = Entry::new("access.denied", "permission", permission);
            let entry = entry.by(&context.actor).happened(now, context.origin.clone()).note("path", path);
            entries.push(if window.recorded == SHARE { entry.note("more_are_counted", true) } else { entry });
        } else {
            let first = || Beyond { context: context.clone(), until: now, by_permission: BTreeMap::new() };
            let beyond = window.beyond.get_or_insert_with(first);
            beyond.until = now;
            *beyond.by_permission.entry(permission).or_default() += 1;
        }
        entries
    }

    /// Records the counts whose minute is over, or all of them, as before the program stops.
    pub async fn flush(&self, db: &Db, context: &Arc<Context>, all: bool) -> Result<()> {
        let mut over = Vec::new();
        lock(&self.windows).retain(|_, window| {
            let is_over = all || window.is_over(context.now);
            if is_over {
                over.extend(window.beyond.take());
            }
            !is_over
        });
        self.write(db, context, over.into_iter().map(Beyond::entry).collect()).await
    }

    /// Writes these rows and those that are owed; those that cannot be written stay owed.
    async fn write(&self, db: &Db, context: &Arc<Context>, entries: Vec<Entry>) -> Result<()> {
        let entries: Vec<Entry> = mem::take(&mut *lock(&self.owed)).into_iter().chain(entries).collect();
        if entries.is_empty() {
            return Ok(());
        }
        let written = db.transaction(context, async |tx| {
            entries.iter().cloned().for_each(|entry| tx.record(entry));
            Ok(())
        });
        let written = written.await;
        if written.is_err() {
            lock(&self.owed).extend(entries);
        }
        written
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Window {
    fn new(began: DateTime<Utc>) -> Self {
        Self { began, recorded: 0, beyond: None }
    }

    fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.began + MINUTE
    }
}

impl Beyond {
    fn entry(self) -> Entry {
        let by_permission = self.by_permission.iter().map(|(permission, count)| (permission.to_string(), Value::from(*count)));
        Entry::new("access.denied", "permission", "*")
            .by(&self.context.actor)
            .happened(self.context.now, self.context.origin.clone())
            .note("count", self.by_permission.values().sum::<u64>())
            .note("until", self.until.to_rfc3339())
            .note("permissions", Value::Object(by_permission.collect()))
    }
}
