//! Typed row ids: a `CustomerId` cannot be passed where a `ContractId` is expected.

use std::{fmt, hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, Type},
};

use crate::column::Arg;

/// The id of a `T`: a positive 64-bit number.
pub struct Id<T>(i64, PhantomData<fn() -> T>);

macro_rules! ids {
    ($($(#[$doc:meta])* $alias:ident of $of:ident;)+) => {$(
        $(#[$doc])*
        pub type $alias = Id<of::$of>;
    )+
        /// Marker types of the ids; they have no values.
        pub mod of {
            $(#[doc = concat!("Marks a `", stringify!($alias), "`.")] pub enum $of {})+
        }
    };
}

ids! {
    /// A staff user.
    UserId of User;
    /// A role.
    RoleId of Role;
    /// A script token.
    ApiTokenId of ApiToken;
    /// A subscriber.
    CustomerId of Customer;
    /// A phone number.
    NumberId of Number;
    /// A SIM card.
    SimId of Sim;
    /// A tariff.
    TariffId of Tariff;
    /// A dated version of a tariff's prices.
    TariffVersionId of TariffVersion;
    /// An option on top of a tariff.
    OptionId of TariffOption;
    /// A contract.
    ContractId of Contract;
    /// A payment, charge, refund or correction on a contract.
    PaymentId of Payment;
    /// A billing run.
    BillingRunId of BillingRun;
    /// An event that a payment gateway reported.
    GatewayEventId of GatewayEvent;
    /// A refund through a gateway.
    GatewayRefundId of GatewayRefund;
    /// A settlement file that was compared with the ledger.
    ReconciliationId of Reconciliation;
    /// A row of a reconciliation.
    ReconciliationRowId of ReconciliationRow;
    /// A support ticket.
    TicketId of Ticket;
    /// A step in a ticket's journal.
    TicketStepId of TicketStep;
    /// A comment on a ticket.
    TicketCommentId of TicketComment;
    /// A file attached to a ticket.
    TicketAttachmentId of TicketAttachment;
    /// A text to answer tickets with.
    CannedAnswerId of CannedAnswer;
    /// A mail from a subscriber.
    InboundMailId of InboundMail;
    /// An event.
    EventId of Event;
    /// A message to a subscriber or a staff user.
    NotificationId of Notification;
    /// An integrator's address that receives events.
    WebhookEndpointId of WebhookEndpoint;
    /// A delivery of an event to such an address.
    WebhookDeliveryId of WebhookDelivery;
}

impl<T> Id<T> {
    /// The id with this number.
    pub const fn new(raw: i64) -> Self {
        Self(raw, PhantomData)
    }

    /// The number itself.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Id<T> {}

impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl<T> hash::Hash for Id<T> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T> FromStr for Id<T> {
    type Err = &'static str;

    /// Reads an id as it is written in responses; `+1` and `01` are none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_loose_number(text) { Err("not written as an id is") } else { text.parse().map(Self::new).map_err(|_| "not a number") }
    }
}

/// Whether the text is a number, but not in the form in which numbers are written: with a plus or with leading zeros.
pub fn is_loose_number(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|number| number.to_string() != text)
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            raw if raw > 0 => Ok(Self::new(raw)),
            _ => Err(serde::de::Error::custom(crate::error::field::RANGE_ID)),
        }
    }
}

impl<T> PartialSchema for Id<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(1))
            .maximum(Some(i64::MAX))
            .into()
    }
}

impl<T> ToSchema for Id<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
}

impl<T> From<Id<T>> for Arg {
    fn from(id: Id<T>) -> Self {
        Arg::Int(Some(id.0))
    }
}

impl<T> From<Option<Id<T>>> for Arg {
    fn from(id: Option<Id<T>>) -> Self {
        Arg::Int(id.map(Id::get))
    }
}

impl<T, DB: sqlx::Database> sqlx::Type<DB> for Id<T>
where
    i64: sqlx::Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <i64 as sqlx::Type<DB>>::type_info()
    }

    fn compatible(ty: &DB::TypeInfo) -> bool {
        <i64 as sqlx::Type<DB>>::compatible(ty)
    }
}

impl<'r, T, DB: sqlx::Database> sqlx::Decode<'r, DB> for Id<T>
where
    i64: sqlx::Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        i64::decode(value).map(Self::new)
    }
}
