//! Reads events of gateways and refunds through them.

use acl::{Granted, perm};
use database::{Conn, Page, Paging};
use kernel::{Result, id::GatewayRefundId};

use crate::{
    input::{GatewayEventFilter, GatewayRefundFilter},
    model::{GatewayEvent, GatewayRefund, refusal},
    store,
};

/// Lists events of gateways.
pub async fn list_events(
    conn: &mut Conn,
    _: &Granted<perm::PaymentsRead>,
    filter: &GatewayEventFilter,
    paging: &Paging,
) -> Result<Page<GatewayEvent>> {
    store::events::list(conn, filter, paging).await
}

/// Lists refunds through gateways.
pub async fn list_refunds(
    conn: &mut Conn,
    _: &Granted<perm::PaymentsRead>,
    filter: &GatewayRefundFilter,
    paging: &Paging,
) -> Result<Page<GatewayRefund>> {
    store::refunds::list(conn, filter, paging).await
}

/// Returns a refund through a gateway. Errors: `gateway_refund_not_found`.
pub async fn get_refund(conn: &mut Conn, _: &Granted<perm::PaymentsRead>, id: GatewayRefundId) -> Result<GatewayRefund> {
    store::refunds::get(conn, id).await?.ok_or_else(|| refusal::GATEWAY_REFUND_NOT_FOUND.into())
}

/// The gateways with a due request.
pub async fn waited_for(conn: &mut Conn) -> Result<Vec<String>> {
    store::payments::waited_for(conn).await
}

/// Finds broken invariants of refunds through gateways, described for the operator's engineers.
pub async fn violations(conn: &mut Conn) -> Result<Vec<String>> {
    let payments = store::refunds::disagreeing(conn).await?.into_iter();
    Ok(payments.map(|id| format!("payment {id} and what its gateway has in hand do not fit each other")).collect())
}
