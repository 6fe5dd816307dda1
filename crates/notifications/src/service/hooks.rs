//! Webhook endpoints of integrators, and deliveries to them.

use acl::{Granted, Seals, Secret, perm};
use chrono::{DateTime, TimeDelta, Utc};
use database::{Conn, Page, Paging, Tx, audit::Entry, jobs::Office};
use kernel::{
    Edit, Error, Expected, FieldErrors, Result,
    error::field,
    id::{WebhookDeliveryId, WebhookEndpointId},
};
use outgoing::{Outgoing, Reach, has_host_as_written, may_be_public};
use reqwest::Url;
use serde_json::json;

use super::courier::{Claimed, surroundings, work_off};
use crate::{
    audience,
    channel::{Outcome, brief},
    input::{DeliveryFilter, WebhookEndpointInput},
    model::{WebhookDelivery, WebhookEndpoint, WebhookEndpointWithSecret, refusal},
    store::{
        sending::Queue,
        webhooks::{self as store, NewDelivery, SealedSecrets},
    },
    webhook,
};

/// The maximum number of endpoints. Each has its own sender, so that none waits for another.
pub const MOST_ENDPOINTS: i64 = 50;
/// The number of deliveries claimed at once for one endpoint.
const BATCH: i64 = 32;
/// The number of concurrent deliveries to one endpoint.
const AT_ONCE: usize = 4;
/// How long a replaced secret also signs.
const OVERLAP: TimeDelta = TimeDelta::hours(24);
/// The purpose for which the secrets are encrypted.
const PURPOSE: &str = "webhook secret";

const DELIVERIES: Queue = Queue {
    table: "webhook_deliveries",
    part: "endpoint_id",
    columns: "id, attempts, message_id, body",
    touch: "",
    done: "delivered",
    done_at: "delivered_at",
};

type Managing = Granted<perm::WebhooksManage>;

/// The sender of webhooks, with the addresses that it may call.
pub struct Hooks {
    outgoing: Outgoing,
    allow_private: bool,
    seals: Seals,
}

impl Hooks {
    /// With `allow_private`, private addresses are allowed, also without TLS. Errors: `internal` if TLS is not available.
    pub fn new(allow_private: bool, seals: Seals) -> Result<Self> {
        let reach = if allow_private { Reach::Anywhere } else { Reach::Public };
        Ok(Self { outgoing: Outgoing::new(reach)?, allow_private, seals })
    }

    /// Errors: `invalid_url`, `url_not_public`.
    fn check(&self, input: &WebhookEndpointInput) -> Result<()> {
        let url = input.url.parse::<Url>().ok().filter(|_| has_host_as_written(&input.url)).filter(|url| {
            let scheme = url.scheme() == "https" || (self.allow_private && url.scheme() == "http");
            scheme && url.username().is_empty() && url.password().is_none() && url.fragment().is_none() && url.has_host()
        });
        match url {
            None => {
                let mut wrong = FieldErrors::default();
                let described = wrong.add("url", field::URL);
                let scheme = input.url.get(..7).unwrap_or_default();
                if scheme.eq_ignore_ascii_case("http://") && !self.allow_private {
                    described.with("form", "plain");
                }
                wrong.into_result()
            }
            Some(url) if !self.allow_private && !may_be_public(&url) => Err(Error::of_field("url", field::URL_NOT_PUBLIC)),
            Some(_) => Ok(()),
        }
    }
}

/// Checks that the caller may see every kind of the endpoint. Errors: `permission_missing`.
fn may_see(granted: &Managing, input: &WebhookEndpointInput) -> Result<()> {
    let hidden = input.kinds.iter().map(|kind| audience::of(*kind).permission).find(|permission| !granted.may(*permission));
    hidden.map_or(Ok(()), |permission| Err(Error::new(acl::refusal::PERMISSION_MISSING).with("permission", permission)))
}

/// Returns an endpoint. Errors: `webhook_endpoint_not_found`.
pub async fn get(conn: &mut Conn, _: &Managing, id: WebhookEndpointId) -> Result<WebhookEndpoint> {
    store::get(conn, id).await?.ok_or_else(|| refusal::ENDPOINT_NOT_FOUND.into())
}

/// Lists endpoints.
pub async fn list(conn: &mut Conn, _: &Managing, paging: &Paging) -> Result<Page<WebhookEndpoint>> {
    store::list(conn, paging).await
}

/// Creates an endpoint, and returns its secret.
///
/// Errors: `invalid_url`, `url_not_public`, `permission_missing` for kinds that the caller may not see, `webhook_endpoints_full`.
pub async fn create(tx: &mut Tx, granted: &Managing, hooks: &Hooks, input: &WebhookEndpointInput) -> Result<WebhookEndpointWithSecret> {
    hooks.check(input)?;
    may_see(granted, input)?;
    if store::count(tx).await? >= MOST_ENDPOINTS {
        return Err(Error::new(refusal::ENDPOINTS_FULL).with("most", MOST_ENDPOINTS));
    }
    let secret = webhook::new_secret()?;
    let sealed = hooks.seals.seal(PURPOSE, secret.reveal().as_bytes())?;
    let id = store::insert(tx, input, sealed).await?;
    let endpoint = store::get(tx, id).await?.ok_or(refusal::ENDPOINT_NOT_FOUND)?;
    tx.record(Entry::new("webhook_endpoint.created", "webhook_endpoint", id).created(&endpoint));
    Ok(WebhookEndpointWithSecret { endpoint, secret })
}

/// Changes an endpoint. Errors: `webhook_endpoint_not_found`, `stale_version`, `invalid`, and those of `create`.
pub async fn edit(
    tx: &mut Tx,
    granted: &Managing,
    hooks: &Hooks,
    id: WebhookEndpointId,
    edit: &Edit<WebhookEndpointInput>,
    expected: &Expected,
) -> Result<WebhookEndpoint> {
    let before = lock(tx, id).await?;
    expected.check(before.version)?;
    let present = WebhookEndpointInput {
        url: before.url.clone(),
        kinds: before.kinds.0.clone(),
        description: before.description.clone(),
        is_active: before.is_active,
    };
    let input = edit.apply(&before, &present, tx.context())?;
    if input == present {
        return Ok(before);
    }
    hooks.check(&input)?;
    may_see(granted, &input)?;
    store::update(tx, &before, &input).await?;
    let after = store::get(tx, id).await?.ok_or(refusal::ENDPOINT_NOT_FOUND)?;
    tx.record(Entry::new("webhook_endpoint.updated", "webhook_endpoint", id).change(&before, &after));
    Ok(after)
}

/// Deletes an endpoint; its pending deliveries are not sent. Errors: `webhook_endpoint_not_found`, `stale_version`.
pub async fn delete(tx: &mut Tx, _granted: &Managing, id: WebhookEndpointId, expected: &Expected) -> Result<()> {
    let before = lock(tx, id).await?;
    expected.check(before.version)?;
    store::delete(tx, &before).await?;
    tx.record(Entry::new("webhook_endpoint.deleted", "webhook_endpoint", id).deleted(&before));
    Ok(())
}

/// Replaces the secret of an endpoint; the present one also signs for a day. Errors: `webhook_endpoint_not_found`.
pub async fn rotate_secret(tx: &mut Tx, _granted: &Managing, hooks: &Hooks, id: WebhookEndpointId) -> Result<WebhookEndpointWithSecret> {
    let now = tx.now();
    let before = lock(tx, id).await?;
    let secret = webhook::new_secret()?;
    let sealed = hooks.seals.seal(PURPOSE, secret.reveal().as_bytes())?;
    store::rotate(tx, &before, sealed, now + OVERLAP).await?;
    let endpoint = store::get(tx, id).await?.ok_or(refusal::ENDPOINT_NOT_FOUND)?;
    let entry = Entry::new("webhook_endpoint.secret_rotated", "webhook_endpoint", id);
    tx.record(entry.change(&before, &endpoint));
    Ok(WebhookEndpointWithSecret { endpoint, secret })
}

/// Sends a test event to an endpoint. Errors: `webhook_endpoint_not_found`, `webhook_endpoint_inactive`.
pub async fn test(tx: &mut Tx, _granted: &Managing, id: WebhookEndpointId) -> Result<WebhookDelivery> {
    let endpoint = lock(tx, id).await?;
    if !endpoint.is_active {
        return Err(refusal::ENDPOINT_INACTIVE.into());
    }
    let delivery = NewDelivery {
        endpoint_id: id,
        event_id: None,
        kind: webhook::TEST,
        message_id: webhook::new_id(),
        body: webhook::test_body(tx.now()),
    };
    let delivery = store::insert_delivery(tx, delivery).await?;
    let entry = Entry::new("webhook_endpoint.tested", "webhook_endpoint", id);
    tx.record(entry.note("delivery_id", delivery.get()));
    store::lock_delivery(tx, delivery).await?.ok_or_else(|| refusal::DELIVERY_NOT_FOUND.into())
}

/// Lists the deliveries to an endpoint. Errors: `webhook_endpoint_not_found`.
pub async fn deliveries(
    conn: &mut Conn,
    granted: &Managing,
    id: WebhookEndpointId,
    filter: &DeliveryFilter,
    paging: &Paging,
) -> Result<Page<WebhookDelivery>> {
    get(conn, granted, id).await?;
    store::list_deliveries(conn, id, filter, paging).await
}

/// Sends a delivery again, unchanged and with the same id. Errors: `webhook_delivery_not_found`, `webhook_delivery_wrong_state`.
pub async fn retry(tx: &mut Tx, _granted: &Managing, id: WebhookDeliveryId) -> Result<WebhookDelivery> {
    let before = store::lock_delivery(tx, id).await?.ok_or(refusal::DELIVERY_NOT_FOUND)?;
    let after = before.retried(tx.now())?;
    store::set_pending(tx, &after).await?;
    let (was, is) = (json!({"status": before.status}), json!({"status": after.status}));
    tx.record(Entry::new("webhook_delivery.retried", "webhook_delivery", id).change(&was, &is));
    Ok(after)
}

async fn lock(tx: &mut Tx, id: WebhookEndpointId) -> Result<WebhookEndpoint> {
    store::lock(tx, id).await?.ok_or_else(|| refusal::ENDPOINT_NOT_FOUND.into())
}

/// The endpoints with due deliveries.
pub async fn due(conn: &mut Conn) -> Result<Vec<WebhookEndpointId>> {
    store::due(conn).await
}

#[derive(sqlx_macros::FromRow)]
struct Parcel {
    id: i64,
    attempts: i64,
    message_id: String,
    body: String,
}

impl Claimed for Parcel {
    fn row(&self) -> (i64, i64) {
        (self.id, self.attempts)
    }

    fn lane(&self) -> Option<&str> {
        None
    }
}

/// Sends one batch of due deliveries to an endpoint; returns how many it accepted.
///
/// When the endpoint does not accept one, deliveries without an attempt are released. Errors: `database_away` while claiming.
pub async fn send_due(office: &Office, hooks: &Hooks, id: WebhookEndpointId) -> Result<usize> {
    let context = surroundings(office);
    let Some(target) = office.db.read(&context, async |conn| store::target(conn, id).await).await? else { return Ok(0) };
    let parcels: Vec<Parcel> = office.db.transaction(&context, async |tx| DELIVERIES.claim(tx, id.into(), BATCH).await).await?;
    let parcels_sent = work_off(office, &DELIVERIES, parcels, AT_ONCE, async |parcel| {
        let now = surroundings(office).now;
        hooks.send(&target, parcel, now).await
    });
    Ok(parcels_sent.await)
}

impl Hooks {
    /// Re-encrypts a secret with the present key; `None` if it already is, or cannot be decrypted.
    fn sealed_anew(&self, sealed: &[u8]) -> Result<Option<Vec<u8>>> {
        if self.seals.is_present(PURPOSE, sealed) {
            return Ok(None);
        }
        let opened = self.seals.open(PURPOSE, sealed).map(zeroize::Zeroizing::new);
        opened.map(|text| self.seals.seal(PURPOSE, &text)).transpose()
    }

    /// The secrets that sign at this moment, the present one first.
    fn secrets(&self, target: &SealedSecrets, now: DateTime<Utc>) -> Option<Vec<Secret>> {
        let open = |sealed: &[u8]| self.seals.open(PURPOSE, sealed).and_then(|text| String::from_utf8(text).ok()).map(Secret::new);
        let previous = target.previous_secret.as_deref().filter(|_| target.previous_until.is_some_and(|until| now < until));
        let present = open(&target.secret)?;
        Some([Some(present), previous.and_then(open)].into_iter().flatten().collect())
    }

    async fn send(&self, target: &SealedSecrets, parcel: &Parcel, now: DateTime<Utc>) -> Outcome {
        let away = |status: Option<u16>, error: Option<String>| Outcome::Away { status: status.map(i64::from), error };
        let Some(secrets) = self.secrets(target, now) else {
            return away(None, Some("the endpoint's secret cannot be decrypted: rotate it".to_owned()));
        };
        let signatures: Vec<String> = secrets
            .iter()
            .filter_map(|secret| webhook::signature(secret.reveal(), &parcel.message_id, now.timestamp(), &parcel.body))
            .collect();
        let request = self
            .outgoing
            .client()
            .post(&target.url)
            .header("content-type", "application/json")
            .header("webhook-id", &parcel.message_id)
            .header("webhook-timestamp", now.timestamp().to_string())
            .header("webhook-signature", signatures.join(" "))
            .body(parcel.body.clone());
        let Ok(request) = request.build() else { return away(None, Some("the URL is not valid".to_owned())) };
        match self.outgoing.send(request).await {
            Ok(answer) if answer.is_success() => Outcome::Taken { status: Some(answer.status.into()) },
            Ok(answer) => away(Some(answer.status), None),
            Err(why) => away(None, Some(brief(&why.to_string()))),
        }
    }
}

/// Re-encrypts the secrets that only the previous key opens; returns the number of endpoints.
pub async fn reseal(tx: &mut Tx, hooks: &Hooks) -> Result<usize> {
    let mut resealed = 0;
    for mut secrets in store::all_secrets(tx).await? {
        let secret = hooks.sealed_anew(&secrets.secret)?;
        let previous = secrets.previous_secret.as_deref().map(|sealed| hooks.sealed_anew(sealed)).transpose()?.flatten();
        if secret.is_none() && previous.is_none() {
            continue;
        }
        secrets.secret = secret.unwrap_or(secrets.secret);
        secrets.previous_secret = previous.or(secrets.previous_secret);
        store::set_secrets(tx, &secrets).await?;
        resealed += 1;
    }
    Ok(resealed)
}

/// Removes deliveries that are older than this and not pending, and the rest of deleted endpoints; a limited number per endpoint at a
/// time. Returns how many.
pub async fn forget(tx: &mut Tx, days: i64, limit: i64) -> Result<usize> {
    let mut forgotten = 0;
    for (id, is_deleted) in store::all(tx).await? {
        let before = (!is_deleted).then(|| tx.now() - TimeDelta::days(days));
        let removed = store::forget(tx, id, before, limit).await?;
        if is_deleted && removed == 0 {
            store::remove(tx, id).await?;
        }
        forgotten += removed;
    }
    Ok(forgotten)
}
