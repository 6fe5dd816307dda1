//! The relay from events to messages for subscribers and staff, and to deliveries for integrators.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use acl::{Permission, users};
use customers::Contact;
use database::{Conn, EventKind, Tx};
use kernel::{
    Context, Result,
    id::{CustomerId, UserId},
};
use uuid::Uuid;

use super::templates;
use crate::{
    audience::{self, Staff},
    facts,
    model::{Channel, Language, NotificationStatus, RecordedEvent},
    store::{
        events as store,
        notifications::{self, NewNotification},
        webhooks::{self, NewDelivery},
    },
    template::Prepared,
    webhook,
};

/// The number of events processed in one transaction.
pub const BATCH: usize = 500;
/// The maximum number of staff members notified of one event.
const MOST_STAFF: i64 = 50;

/// The operator's rules for notifications.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The language of messages.
    pub language: Language,
    /// The kinds of events that subscribers receive by e-mail.
    pub email_kinds: Vec<EventKind>,
    /// The kinds of events that subscribers receive by text message.
    pub sms_kinds: Vec<EventKind>,
    /// Whether e-mail is configured.
    pub has_email: bool,
    /// Whether text messages are configured.
    pub has_sms: bool,
}

impl Rules {
    /// Whether this channel can send.
    pub fn has(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.has_email,
            Channel::Sms => self.has_sms,
            Channel::InApp => true,
        }
    }

    fn wants(&self, channel: Channel, kind: EventKind) -> bool {
        match channel {
            Channel::Email => self.email_kinds.contains(&kind),
            Channel::Sms => self.sms_kinds.contains(&kind),
            Channel::InApp => true,
        }
    }

    fn first_status(&self, channel: Channel) -> NotificationStatus {
        match channel {
            Channel::InApp => NotificationStatus::Sent,
            other if self.has(other) => NotificationStatus::Pending,
            _ => NotificationStatus::Logged,
        }
    }
}

/// Whether there are unprocessed events.
pub async fn is_behind(conn: &mut Conn) -> Result<bool> {
    store::is_behind(conn).await
}

/// Processes the next events, at most [`BATCH`], and returns how many.
///
/// The messages and the new position are written in one transaction, so each event is processed once, even after a crash. If another
/// instance is processing, it does nothing. The audit records nothing here: it already has the change that published the event.
pub async fn tell(tx: &mut Tx, rules: &Rules) -> Result<usize> {
    let Some(told) = store::lock_relay(tx).await? else { return Ok(0) };
    let events = store::after(tx, told, i64::try_from(BATCH).unwrap_or(i64::MAX)).await?;
    let Some(last) = events.last() else { return Ok(0) };
    let desk = Desk::set_up(tx, rules, &events).await?;
    let mut messages = Vec::new();
    for event in &events {
        desk.tell_subscriber(event, &mut messages);
        desk.tell_staff(event, &mut messages);
    }
    let kept = messages.iter().filter(|message| message.status == NotificationStatus::Logged).count();
    if kept > 0 {
        log::info!("{kept} messages are stored but not sent, because their channels are not configured");
    }
    notifications::insert_all(tx, messages).await?;
    let endpoints = webhooks::active(tx).await?;
    let mut deliveries = Vec::new();
    for event in &events {
        let body = std::cell::OnceCell::new();
        for (endpoint_id, _) in endpoints.iter().filter(|(_, kinds)| kinds.0.contains(&event.kind)) {
            deliveries.push(NewDelivery {
                endpoint_id: *endpoint_id,
                event_id: Some(event.id),
                kind: event.kind.as_str(),
                message_id: webhook::new_id(),
                body: body.get_or_init(|| webhook::body(event)).clone(),
            });
        }
    }
    webhooks::insert_deliveries(tx, deliveries).await?;
    store::set_told(tx, last.id.get()).await?;
    Ok(events.len())
}

/// The data needed to process a batch of events, read once.
struct Desk<'a> {
    context: Arc<Context>,
    rules: &'a Rules,
    texts: HashMap<(EventKind, Channel), Prepared>,
    contacts: HashMap<i64, Contact>,
    /// The users to notify, by permission or by id.
    holders: HashMap<Permission, Vec<(UserId, String)>>,
    named: HashMap<i64, String>,
}

impl<'a> Desk<'a> {
    async fn set_up(tx: &mut Tx, rules: &'a Rules, events: &[RecordedEvent]) -> Result<Self> {
        let texts = templates::prepared(tx, rules.language).await?.into_iter().collect();
        let subscribers: BTreeSet<CustomerId> = events.iter().filter_map(|event| event.customer_id).collect();
        let subscribers: Vec<CustomerId> = subscribers.into_iter().collect();
        let contacts = customers::contacts(tx, &subscribers).await?.into_iter().map(|contact| (contact.id.get(), contact)).collect();
        let permissions: BTreeSet<Permission> = events.iter().filter_map(told_by_permission).collect();
        let mut holders = HashMap::new();
        for permission in permissions {
            holders.insert(permission, users::holders(tx, permission, MOST_STAFF).await?);
        }
        let named: BTreeSet<UserId> = events.iter().filter_map(assignee).collect();
        let named: Vec<UserId> = named.into_iter().collect();
        let named = users::usable(tx, &named).await?.into_iter().map(|(id, name)| (id.get(), name)).collect();
        Ok(Self { context: tx.context().clone(), rules, texts, contacts, holders, named })
    }

    fn tell_subscriber(&self, event: &RecordedEvent, messages: &mut Vec<NewNotification>) {
        let Some(contact) = event.customer_id.and_then(|id| self.contacts.get(&id.get())) else { return };
        for channel in audience::of(event.kind).subscriber.iter().filter(|channel| self.rules.wants(**channel, event.kind)) {
            let address = match channel {
                Channel::Email => contact.email.clone(),
                _ => Some(contact.phone.clone()),
            };
            let Some(recipient) = address.filter(|address| !address.is_empty()) else { continue };
            messages.extend(self.message(event, *channel, Some(contact), recipient, None));
        }
    }

    fn tell_staff(&self, event: &RecordedEvent, messages: &mut Vec<NewNotification>) {
        let named = assignee(event).and_then(|id| self.named.get(&id.get()).map(|name| (id, name.clone())));
        let by_permission = told_by_permission(event).and_then(|permission| self.holders.get(&permission));
        for (user, name) in named.into_iter().chain(by_permission.into_iter().flatten().cloned()) {
            messages.extend(self.message(event, Channel::InApp, None, name, Some(user)));
        }
    }

    fn message(
        &self,
        event: &RecordedEvent,
        channel: Channel,
        contact: Option<&Contact>,
        recipient: String,
        user_id: Option<UserId>,
    ) -> Option<NewNotification> {
        let values = facts::of(&self.context, self.rules.language, event, contact.map(|contact| &contact.names));
        let (subject, text) = self.texts.get(&(event.kind, channel))?.fill(&values);
        Some(NewNotification {
            kind: event.kind,
            channel,
            status: self.rules.first_status(channel),
            event_id: event.id,
            contract_id: event.contract_id,
            customer_id: event.customer_id,
            user_id,
            recipient,
            subject,
            text,
            message_id: Uuid::new_v4().to_string(),
            thread: (event.entity == "ticket").then(|| event.data.0["number"].as_str().map(str::to_owned)).flatten(),
        })
    }
}

/// The user whom the event names as the assignee.
fn assignee(event: &RecordedEvent) -> Option<UserId> {
    match audience::of(event.kind).staff {
        Staff::Assignee => event.data.0["assigned_to"].as_i64().map(UserId::new),
        Staff::Nobody | Staff::Holders(_) => None,
    }
}

/// The permission whose holders are notified.
fn told_by_permission(event: &RecordedEvent) -> Option<Permission> {
    match audience::of(event.kind).staff {
        Staff::Holders(permission) => Some(permission),
        Staff::Assignee if assignee(event).is_none() => Some(Permission::TicketsAssign),
        Staff::Assignee | Staff::Nobody => None,
    }
}
