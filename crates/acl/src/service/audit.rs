//! Reading and verifying the audit trail.

use std::sync::Arc;

use database::{
    Conn, Db, Page, Paging,
    page::{KeyKind, ListSpec, OrderField},
};
use kernel::{Context, Result};

use crate::{
    grant::Granted,
    input::AuditFilter,
    model::{AuditRow, Breach, Verification},
    permission::perm,
    store,
    store::audit::StoredLink,
};

/// Rows read at a time while the chain is verified.
const VERIFY_BATCH: i64 = 2_000;

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
