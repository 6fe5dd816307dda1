//! Contracts (SPEC 7): drafts and their checklist, the life cycle, and what is on record.

mod checklist;
mod drafts;
mod records;
mod statements;
mod states;

use contracts::HoldReason;
use kernel::{Origin, audit::Actor, id::ContractId};

use crate::harness::App;

/// Places a hold that is no staff's to place, as what places it would.
async fn hold(app: &App, contract: i64, reason: HoldReason) {
    let context = app.state.context(Origin { request_id: "test".into(), address: None });
    let actor = Actor { user_id: None, name: "test".into() };
    app.state
        .db
        .transaction(&context, async |tx| {
            let mut contract = contracts::load(tx, ContractId::new(contract)).await?;
            contracts::place_hold(tx, &context, &actor, &mut contract, reason, Some("так надо")).await
        })
        .await
        .unwrap();
}
