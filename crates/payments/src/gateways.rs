//! The use cases of gateways that move no money: reading what they said and what is on its way.

use acl::{Granted, perm};
use kernel::{Page, Paging, Result, db::Conn, id::GatewayRefundId};

use crate::{
    input::gateway::{GatewayEventFilter, GatewayRefundFilter},
    model::{
        Payment,
        gateway::{GatewayEvent, GatewayRefund},
        refusal,
    },
    store,
};

pub use crate::store::{
    gateway::{
        EVENT_LIST, QUARANTINED_LIST, claim_due, event, insert, insert_event, is_of, return_url, set_link, set_next_poll, set_outcome,
        set_processing, set_quarantine, waited_for,
    },
    gateway_refunds::{self, LIST as REFUND_LIST},
};

/// A page of the payments that wait for somebody's decision.
pub async fn list_quarantined(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, paging: &Paging) -> Result<Page<Payment>> {
    store::gateway::list_quarantined(conn, paging).await
}

/// A page of what gateways said.
pub async fn list_events(
    conn: &mut Conn,
    _: &Granted<perm::PaymentsRead>,
    filter: &GatewayEventFilter,
    paging: &Paging,
) -> Result<Page<GatewayEvent>> {
    store::gateway::list_events(conn, filter, paging).await
}

/// A page of refunds through gateways.
pub async fn list_refunds(
    conn: &mut Conn,
    _: &Granted<perm::PaymentsRead>,
    filter: &GatewayRefundFilter,
    paging: &Paging,
) -> Result<Page<GatewayRefund>> {
    gateway_refunds::list(conn, filter, paging).await
}

/// One refund through a gateway. Errors: `gateway_refund_not_found`.
pub async fn get_refund(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, id: GatewayRefundId) -> Result<GatewayRefund> {
    gateway_refunds::get(conn, id).await?.ok_or_else(|| refusal::GATEWAY_REFUND_NOT_FOUND.into())
}
