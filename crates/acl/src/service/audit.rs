//! Reading and verifying the audit trail, and recording reads and refused access.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use database::{
    Conn, Db, Page, Paging,
    audit::Entry,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Context, Result};

use crate::{
    grant::Granted,
    input::AuditFilter,
    model::{AuditRow, Breach, Verification},
    permission::{Permission, perm},
    store,
    store::audit::StoredLink,
};

/// Rows read at a time while the chain is verified.
const VERIFY_BATCH: i64 = 2_000;
/// Characters of a path that are stored.
const PATH_LENGTH: usize = 500;
/// Waiting reads at which a caller waits until they are written.
const MOST_WAITING: usize = 10_000;
/// Reads written in one transaction.
const FLUSH_BATCH: usize = 1_000;

/// How the audit trail is listed.
pub const LIST: ListSpec = ListSpec {
    order_fields: &[
        OrderField { name: "seq", column: "audit.seq", kind: KeyKind::Int },
        OrderField { name: "at", column: "audit.at", kind: KeyKind::Time },
    ],
    default_order: "-seq",
    id: "audit.seq",
    id_name: "seq",
};

/// A page of the trail.
pub async fn list(conn: &mut Conn, _granted: &Granted<perm::AuditRead>, filter: &AuditFilter, paging: &Paging) -> Result<Page<AuditRow>> {
    store::audit::list(conn, filter, paging).await
}

/// Verifies the chain from its first row to the last row at the start of the verification.
pub async fn verify(db: &Db, context: &Arc<Context>, _granted: &Granted<perm::AuditRead>) -> Result<Verification> {
    let (last, head_hash) = db.read(context, async |conn| store::audit::head(conn).await).await?;
    let mut walk = Walk::default();
    while walk.breach.is_none() && walk.seq < last {
        let batch = db.read(context, async |conn| store::audit::links_after(conn, walk.seq, last, VERIFY_BATCH).await).await?;
        if batch.is_empty() {
            walk.breach = Some((walk.seq + 1, Breach::Missing));
        }
        // lets other requests on this thread run
        tokio::task::yield_now().await;
        batch.iter().for_each(|row| walk.step(row));
    }
    if walk.breach.is_none() && walk.hash != head_hash {
        walk.breach = Some((last, Breach::Head));
    }
    Ok(Verification {
        rows: walk.seq,
        intact: walk.breach.is_none(),
        first_broken: walk.breach.map(|(seq, _)| seq),
        reason: walk.breach.map(|(_, breach)| breach),
    })
}

/// The progress of a verification.
#[derive(Default)]
struct Walk {
    seq: i64,
    hash: String,
    breach: Option<(i64, Breach)>,
}

impl Walk {
    fn step(&mut self, row: &StoredLink) {
        if self.breach.is_some() {
            return;
        }
        let expected = self.seq + 1;
        if row.seq != expected {
            self.breach = Some((expected, Breach::Missing));
        } else if row.link().hash(&self.hash) != row.hash {
            self.breach = Some((expected, Breach::Altered));
        } else {
            self.seq = expected;
            self.hash.clone_from(&row.hash);
        }
    }
}

/// Records that a caller was refused because of a missing permission.
pub async fn record_denied(db: &Db, context: &Arc<Context>, permission: Permission, path: &str) -> Result<()> {
    let path: String = path.chars().take(PATH_LENGTH).collect();
    let entry = Entry::new("access.denied", "permission", permission).note("path", path);
    db.transaction(context, async |tx| {
        tx.record(entry.clone());
        Ok(())
    })
    .await
}

/// Reads of unmasked personal data, which are recorded a moment later, many in one transaction, so that reading stays cheap.
#[derive(Default)]
pub struct ReadLog {
    waiting: Mutex<Vec<Entry>>,
    writing: tokio::sync::Mutex<()>,
}

impl ReadLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that the context's actor read the personal data of these entities; writes the log if too many reads are waiting.
    pub async fn note(&self, db: &Db, context: &Arc<Context>, entity: &'static str, ids: &[i64]) -> Result<()> {
        let entry = match ids {
            [] => return Ok(()),
            [id] => Entry::new("personal_data.read", entity, id),
            _ => Entry::new("personal_data.read", entity, "*").note("ids", ids),
        };
        let full = {
            let mut waiting = self.waiting();
            waiting.push(entry.by(&context.actor).happened(context));
            waiting.len() >= MOST_WAITING
        };
        if full { self.flush(db, context).await } else { Ok(()) }
    }

    /// Writes the waiting reads; a job calls it about every second, and once more before stopping.
    pub async fn flush(&self, db: &Db, context: &Arc<Context>) -> Result<()> {
        let _one_at_a_time = self.writing.lock().await;
        loop {
            let batch: Vec<Entry> = self.waiting().iter().take(FLUSH_BATCH).cloned().collect();
            if batch.is_empty() {
                return Ok(());
            }
            db.transaction(context, async |tx| {
                batch.iter().cloned().for_each(|entry| tx.record(entry));
                Ok(())
            })
            .await?;
            // only now, so that the entries are kept if the transaction fails or this call is cancelled
            self.waiting().drain(..batch.len());
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
