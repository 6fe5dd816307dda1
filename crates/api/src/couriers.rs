//! Telling others what happened, beside the requests: the relay, the senders of messages and webhooks, and their sweeper.
//!
//! Each has a loop of its own, so that none waits for another: a mail server that hangs holds up e-mail alone, an integrator's
//! only what is meant for it. Instances share the work by claims in the database.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use acl::Seals;
use futures_util::future::join_all;
use kernel::{Context, Origin, Result, id::WebhookEndpointId};
use notifications::{
    Channel,
    channel::{Mailer, Sender, SmsGateway},
    courier::{self, Office},
    events, hooks,
    hooks::Hooks,
    notifications as messages, relay,
    relay::Rules,
};

use crate::{settings::Settings, state::State, streams};

/// How often each looks whether there is something to do.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long each waits after something went wrong with the database.
const WAIT_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How often what is too old is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// Rows removed in one transaction.
const SWEPT_AT_ONCE: i64 = 1000;
/// Transactions of one sweep.
const MOST_SWEEPS: usize = 500;

/// What messages and webhooks leave by.
pub struct Couriers {
    /// How the operator wants people to be told.
    pub rules: Rules,
    /// What calls integrators.
    pub hooks: Hooks,
    email: Option<Sender>,
    sms: Option<Sender>,
}

impl Couriers {
    /// By these settings. Errors: `internal` when there is no TLS.
    pub fn new(settings: &Settings, seals: Seals) -> Result<Self> {
        let telling = &settings.telling;
        let email = telling.smtp.as_ref().map(Mailer::new).transpose()?.map(Sender::Email);
        let sms = telling.sms.clone().map(SmsGateway::new).transpose()?.map(Sender::Sms);
        let rules = Rules {
            language: telling.language,
            email_kinds: telling.email_kinds.clone(),
            sms_kinds: telling.sms_kinds.clone(),
            has_email: email.is_some(),
            has_sms: sms.is_some(),
        };
        Ok(Self { rules, hooks: Hooks::new(telling.allow_private, seals)?, email, sms })
    }

    fn sender(&self, channel: Channel) -> Option<&Sender> {
        match channel {
            Channel::Email => self.email.as_ref(),
            Channel::Sms => self.sms.as_ref(),
            Channel::InApp => None,
        }
    }
}

fn context(state: &State) -> Context {
    state.context(Origin { request_id: "couriers".into(), address: None })
}

/// Tells of the next events; answers how many.
pub async fn relay_events(state: &State) -> Result<usize> {
    if !state.db.read(async |conn| relay::is_behind(conn).await).await? {
        return Ok(0);
    }
    let context = context(state);
    state.db.transaction(&context, async |tx| relay::tell(tx, &context, &state.couriers.rules).await).await
}

/// Sends a batch of what is due by one channel; answers how many were taken.
pub async fn send_messages(state: &State, channel: Channel) -> Result<usize> {
    let Some(sender) = state.couriers.sender(channel) else { return Ok(0) };
    let office = Office { db: &state.db, context: &|| context(state) };
    courier::send_due(&office, channel, sender).await
}

/// Sends a batch of what is due to one endpoint; answers how many it took.
pub async fn call_endpoint(state: &State, id: WebhookEndpointId) -> Result<usize> {
    let office = Office { db: &state.db, context: &|| context(state) };
    hooks::send_due(&office, &state.couriers.hooks, id).await
}

/// The endpoints to which something is due.
pub async fn endpoints_due(state: &State) -> Result<Vec<WebhookEndpointId>> {
    let context = context(state);
    state.db.read(async |conn| hooks::due(conn, &context).await).await
}

/// Sends a batch to each endpoint to which something is due, all at once; answers how many were taken.
pub async fn call_endpoints(state: &State) -> Result<usize> {
    let calls = endpoints_due(state).await?.into_iter().map(|id| call_endpoint(state, id));
    join_all(calls).await.into_iter().sum()
}

/// Removes what is too old: events, notifications, deliveries. Answers how many rows.
pub async fn sweep(state: &State) -> Result<usize> {
    let telling = &state.settings.telling;
    let mut swept = 0;
    for _ in 0..MOST_SWEEPS {
        let context = context(state);
        let removed = state.db.transaction(&context, async |tx| {
            let events = events::forget(tx, &context, telling.events_days, SWEPT_AT_ONCE).await?;
            let deliveries = hooks::forget(tx, &context, telling.events_days, SWEPT_AT_ONCE).await?;
            Ok(events + deliveries + messages::forget(tx, &context, telling.notification_days, SWEPT_AT_ONCE).await?)
        });
        match removed.await? {
            0 => break,
            removed => swept += removed,
        }
    }
    Ok(swept)
}

/// Seals the secrets of webhooks anew where only the key before the present one opens them.
pub async fn reseal(state: &State) -> Result<usize> {
    let context = context(state);
    state.db.transaction(&context, async |tx| hooks::reseal(tx, &state.couriers.hooks).await).await
}

/// Works until the program is told to stop; then each ends what it is doing.
pub async fn run(state: Arc<State>) {
    if let Err(error) = reseal(&state).await {
        log::warn!("secrets of webhooks stay sealed with the key before: {error}");
    }
    tokio::join!(
        again_and_again(&state, LOOK_EVERY, "events wait to be told of", async || Ok(relay_events(&state).await? == relay::BATCH)),
        again_and_again(&state, LOOK_EVERY, "e-mail waits", async || Ok(send_messages(&state, Channel::Email).await? > 0)),
        again_and_again(&state, LOOK_EVERY, "text messages wait", async || Ok(send_messages(&state, Channel::Sms).await? > 0)),
        again_and_again(&state, LOOK_EVERY, "streams of events wait", async || streams::poll(&state).await),
        again_and_again(&state, SWEEP_EVERY, "what is too old stays", async || sweep(&state).await.map(|_| false)),
        call_without_end(&state),
    );
}

/// Does something until the program is told to stop: at once again when there is more of it, else after a while.
async fn again_and_again(state: &State, pause: Duration, what: &str, work: impl AsyncFn() -> Result<bool>) {
    while !state.is_stopping() {
        match work().await {
            Ok(true) => {}
            Ok(false) => state.stopping_within(pause).await,
            Err(error) => {
                log::warn!("{what}: {error}");
                state.stopping_within(WAIT_AFTER_FAILURE).await;
            }
        }
    }
}

/// Calls endpoints, each by a task of its own: one that hangs holds up nothing but what is meant for it.
async fn call_without_end(state: &Arc<State>) {
    let called: Rc<RefCell<BTreeSet<WebhookEndpointId>>> = Rc::default();
    again_and_again(state, LOOK_EVERY, "webhooks wait", async || {
        for id in endpoints_due(state).await? {
            if !called.borrow_mut().insert(id) {
                continue;
            }
            let (state, called) = (state.clone(), called.clone());
            actix_web::rt::spawn(async move {
                while !state.is_stopping() && call_endpoint(&state, id).await.is_ok_and(|taken| taken > 0) {}
                called.borrow_mut().remove(&id);
            });
        }
        Ok(false)
    })
    .await;
}
