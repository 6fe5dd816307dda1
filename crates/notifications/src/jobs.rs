//! The jobs of notifications: the event relay, the senders of messages and webhooks, and the cleanup.
//!
//! Each channel has its own job, so a slow mail server delays only e-mail, and a slow webhook endpoint only its own deliveries. Instances
//! share the work by claims in the database.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc, sync::Arc, time::Duration};

use acl::Seals;
use chrono::TimeDelta;
use database::jobs::{Driver, Job, Office, Sharing, Turn, Turning};
use futures_util::future::join_all;
use kernel::{Result, id::WebhookEndpointId};

use crate::{
    channel::{Mailer, Sender, SmsGateway},
    model::Channel,
    service::{
        courier::{self, surroundings},
        events,
        hooks::{self, Hooks},
        notifications as messages,
        relay::{self, Rules},
    },
    settings::NotificationSettings,
};

/// How often each job checks for work.
const QUERY_EVERY: Duration = Duration::from_millis(500);
/// The number of rows removed in one transaction.
const SWEPT_AT_ONCE: i64 = 1000;
/// The maximum number of transactions in one cleanup.
const MOST_SWEEPS: usize = 500;

/// The senders of messages and webhooks.
pub struct Couriers {
    /// The operator's rules for notifications.
    pub rules: Rules,
    /// The sender of webhooks.
    pub hooks: Hooks,
    email: Option<Sender>,
    sms: Option<Sender>,
    events_days: i64,
    notification_days: i64,
}

impl Couriers {
    /// Creates the senders. Errors: `internal` if TLS is not available.
    pub fn new(settings: &NotificationSettings, seals: Seals) -> Result<Self> {
        let email = settings.smtp.as_ref().map(Mailer::new).transpose()?.map(Sender::Email);
        let sms = settings.sms.clone().map(SmsGateway::new).transpose()?.map(Sender::Sms);
        let rules = Rules {
            language: settings.language,
            email_kinds: settings.email_kinds.clone(),
            sms_kinds: settings.sms_kinds.clone(),
            has_email: email.is_some(),
            has_sms: sms.is_some(),
        };
        let hooks = Hooks::new(settings.allow_private, seals)?;
        Ok(Self { rules, hooks, email, sms, events_days: settings.events_days, notification_days: settings.notification_days })
    }

    fn sender(&self, channel: Channel) -> Option<&Sender> {
        match channel {
            Channel::Email => self.email.as_ref(),
            Channel::Sms => self.sms.as_ref(),
            Channel::InApp => None,
        }
    }
}

/// Processes the next events; returns how many.
pub async fn relay_events(office: &Office, couriers: &Couriers) -> Result<usize> {
    let context = surroundings(office);
    if !office.db.read(&context, async |conn| relay::is_behind(conn).await).await? {
        return Ok(0);
    }
    office.db.transaction(&context, async |tx| relay::tell(tx, &couriers.rules).await).await
}

/// Sends a batch of due messages of one channel; returns how many were accepted.
pub async fn send_messages(office: &Office, couriers: &Couriers, channel: Channel) -> Result<usize> {
    let Some(sender) = couriers.sender(channel) else { return Ok(0) };
    courier::send_due(office, channel, sender).await
}

/// Sends a batch of due deliveries to one endpoint; returns how many it accepted.
pub async fn call_endpoint(office: &Office, couriers: &Couriers, id: WebhookEndpointId) -> Result<usize> {
    hooks::send_due(office, &couriers.hooks, id).await
}

/// The endpoints with due deliveries.
pub async fn endpoints_due(office: &Office) -> Result<Vec<WebhookEndpointId>> {
    office.db.read(&surroundings(office), async |conn| hooks::due(conn).await).await
}

/// Sends a batch to each endpoint with due deliveries, concurrently; returns how many were accepted.
pub async fn call_endpoints(office: &Office, couriers: &Couriers) -> Result<usize> {
    let calls = endpoints_due(office).await?.into_iter().map(|id| call_endpoint(office, couriers, id));
    join_all(calls).await.into_iter().sum()
}

/// Removes old events, notifications and deliveries; returns how many rows.
pub async fn sweep(office: &Office, couriers: &Couriers) -> Result<usize> {
    let mut swept = 0;
    for _ in 0..MOST_SWEEPS {
        let context = surroundings(office);
        let removed = office.db.transaction(&context, async |tx| {
            let events = events::forget(tx, couriers.events_days, SWEPT_AT_ONCE).await?;
            let deliveries = hooks::forget(tx, couriers.events_days, SWEPT_AT_ONCE).await?;
            Ok(events + deliveries + messages::forget(tx, couriers.notification_days, SWEPT_AT_ONCE).await?)
        });
        match removed.await? {
            0 => break,
            removed => swept += removed,
        }
    }
    Ok(swept)
}

/// Re-encrypts the webhook secrets that only the previous key opens; returns the number of endpoints.
pub async fn reseal(office: &Office, couriers: &Couriers) -> Result<usize> {
    office.db.transaction(&surroundings(office), async |tx| hooks::reseal(tx, &couriers.hooks).await).await
}

/// Registers the jobs of notifications.
pub fn register(driver: &mut Driver, couriers: &Arc<Couriers>) {
    driver.add(Resealing(couriers.clone()));
    driver.add(Relay(couriers.clone()));
    driver.add(Sending(couriers.clone(), Channel::Email, "e-mail"));
    driver.add(Sending(couriers.clone(), Channel::Sms, "text messages"));
    driver.add(Webhooks { couriers: couriers.clone(), called: Rc::default() });
    driver.add(Sweeping(couriers.clone()));
}

/// Re-encrypts webhook secrets after the start and then daily, because a key may have been changed.
struct Resealing(Arc<Couriers>);

impl Job for Resealing {
    fn name(&self) -> &'static str {
        "webhook secrets"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(24 * 3600)
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { reseal(office, &self.0).await.map(|_| Turn::Idle) })
    }
}

/// Creates messages and deliveries from events. Locks one row, and skips the turn if another instance has locked it.
struct Relay(Arc<Couriers>);

impl Job for Relay {
    fn name(&self) -> &'static str {
        "event relay"
    }

    fn every(&self) -> Duration {
        QUERY_EVERY
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(relay_events(office, &self.0).await? == relay::BATCH)) })
    }
}

/// Sends the messages of one channel.
struct Sending(Arc<Couriers>, Channel, &'static str);

impl Job for Sending {
    fn name(&self) -> &'static str {
        self.2
    }

    fn every(&self) -> Duration {
        QUERY_EVERY
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { Ok(Turn::more_if(send_messages(office, &self.0, self.1).await? > 0)) })
    }
}

/// Calls endpoints, each in its own task, so that a slow endpoint delays only its own deliveries.
struct Webhooks {
    couriers: Arc<Couriers>,
    called: Rc<RefCell<BTreeSet<WebhookEndpointId>>>,
}

impl Job for Webhooks {
    fn name(&self) -> &'static str {
        "webhooks"
    }

    fn every(&self) -> Duration {
        QUERY_EVERY
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move {
            for id in endpoints_due(office).await? {
                if !self.called.borrow_mut().insert(id) {
                    continue;
                }
                let (office, couriers, called) = (office.clone(), self.couriers.clone(), self.called.clone());
                tokio::task::spawn_local(async move {
                    while !office.stop.is_stopping() && call_endpoint(&office, &couriers, id).await.is_ok_and(|taken| taken > 0) {}
                    called.borrow_mut().remove(&id);
                });
            }
            Ok(Turn::Idle)
        })
    }
}

/// Removes old rows.
struct Sweeping(Arc<Couriers>);

impl Job for Sweeping {
    fn name(&self) -> &'static str {
        "sweeping of events and messages"
    }

    fn every(&self) -> Duration {
        Duration::from_secs(600)
    }

    fn sharing(&self) -> Sharing {
        Sharing::Lease(TimeDelta::minutes(20))
    }

    fn turn<'a>(&'a self, office: &'a Office) -> Turning<'a> {
        Box::pin(async move { sweep(office, &self.0).await.map(|_| Turn::Idle) })
    }
}
