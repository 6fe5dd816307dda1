//! The interface of payment gateways, which take payers' money and report it.
//!
//! Requests to a [`Gateway`] run outside of any transaction, and a response may get lost. So every order carries a reference made by this
//! system: it makes a repeated order recognizable, and serves to ask the gateway for the result.

pub mod http;
pub mod sandbox;
pub mod signature;

use std::pin::Pin;

use kernel::Money;

pub use signature::{Keys, SignatureFault, SignedHeaders};

/// A pending response of a gateway.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'a>>;

/// Why a gateway did not carry out a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It refused, and a repeated request will not help. Holds its reason, which staff may read.
    Refused(String),
    /// It did not respond, or not with a valid response; whether it acted is unknown. Holds a text for the log.
    Away(String),
}

/// A payment that a gateway should take.
#[derive(Clone, Debug)]
pub struct Order {
    /// The payment's id, as the reference: the same reference means the same payment.
    pub reference: String,
    /// The amount.
    pub amount: Money,
    /// ISO 4217 code of the currency.
    pub currency: &'static str,
    /// What it is for.
    pub description: String,
    /// The URL to which the payer returns.
    pub return_url: String,
}

/// A payment that the gateway has created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The gateway's own id of the payment.
    pub id: String,
    /// The payment page for the payer.
    pub link: String,
}

/// The status of a payment, as its gateway reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportedState {
    /// The gateway does not know the payment.
    Unknown,
    /// Not paid yet; with the link, if the gateway returns it again.
    Pending(Option<Created>),
    /// The payer has paid; the gateway is processing the payment.
    Processing,
    /// The money has come, with its amount and currency.
    Succeeded(Money, String),
    /// The payment failed, with the reason.
    Failed(String),
}

/// A refund that a gateway should make.
#[derive(Clone, Debug)]
pub struct RefundOrder {
    /// The reference of the payment.
    pub payment: String,
    /// The reference of the refund: the same reference means the same refund.
    pub reference: String,
    /// The amount.
    pub amount: Money,
    /// ISO 4217 code of the currency.
    pub currency: &'static str,
    /// The reason.
    pub reason: String,
    /// How many times the gateway was asked before.
    pub attempts: i64,
}

/// The status of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refunding {
    /// The gateway is processing the refund.
    Pending,
    /// The money is on its way to the payer; with the gateway's own id of the refund.
    Done(String),
}

/// A payment gateway.
pub trait Gateway: Send + Sync {
    /// The name used by clients and in URLs.
    fn name(&self) -> &'static str;

    /// The keys that sign its events.
    fn keys(&self) -> &Keys;

    /// Creates a payment. A repeated order returns the same payment.
    fn create<'a>(&'a self, order: &'a Order) -> Asking<'a, Created>;

    /// Requests the status of a payment.
    fn ask<'a>(&'a self, order: &'a Order) -> Asking<'a, ReportedState>;

    /// Requests a refund. A repeated order returns the status of the same refund.
    fn refund<'a>(&'a self, order: &'a RefundOrder) -> Asking<'a, Refunding>;
}
