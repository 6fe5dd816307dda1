//! Contracts (SPEC 7): drafts and their checklist, the life cycle, and what is on record.

mod checklist;
mod drafts;
mod records;
mod statements;
mod states;

use contracts::HoldReason;
use kernel::id::ContractId;

use crate::harness::App;

/// Places a hold that is no staff's to place, as what places it would.
async fn hold(app: &App, contract: i64, reason: HoldReason) {
    let context = app.context();
    app.state
        .db
        .transaction(&context, async |tx| {
            let mut contract = contracts::steps::load(tx, ContractId::new(contract)).await?;
            contracts::steps::place_hold(tx, &mut contract, reason, Some("так надо")).await
        })
        .await
        .unwrap();
}
