//! Gateways: whoever takes a payer's money elsewhere and says so (SPEC 8.5).
//!
//! A [`Gateway`] is asked outside of any transaction, and an answer may get lost. So every order has a reference of ours, by
//! which a repeated order is known to be the same, and by which the gateway can be asked what became of it.

pub mod http;
pub mod sandbox;
pub mod signature;

use std::pin::Pin;

use kernel::Money;

pub use signature::{Keys, SignatureFault, SignedHeaders};

/// An answer on its way.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, Trouble>> + Send + 'a>>;

/// Why a gateway did not do as it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It said no, and will not say otherwise. In its words, which staff may read.
    Refused(String),
    /// It did not answer, or with nothing that can be understood: whether it acted is not known. In words for the log.
    Away(String),
}

/// A payment that a gateway shall take.
#[derive(Clone, Debug)]
pub struct Order {
    /// Our name for it: the payment's id. The same reference is the same payment.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// ISO 4217 code of the currency.
    pub currency: &'static str,
    /// What it is for.
    pub description: String,
    /// Where the payer goes afterwards.
    pub return_url: String,
}

/// A payment that a gateway knows of now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The gateway's own id of it.
    pub id: String,
    /// Where the payer pays.
    pub link: String,
}

/// Where a payment stands, as its gateway says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportedState {
    /// The gateway has never heard of it.
    Unknown,
    /// Nobody has paid yet; with the link, where the gateway gives it again.
    Pending(Option<Created>),
    /// The payer has done their part.
    Processing,
    /// The money is there: so much, in this currency.
    Succeeded(Money, String),
    /// It did not come about, and why.
    Failed(String),
}

/// Money to be given back through a gateway.
#[derive(Clone, Debug)]
pub struct RefundOrder {
    /// Our name for the payment.
    pub payment: String,
    /// Our name for the refund. The same reference is the same refund.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// ISO 4217 code of the currency.
    pub currency: &'static str,
    /// Why.
    pub reason: String,
    /// How often the gateway was asked for it before.
    pub attempts: i64,
}

/// What became of a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refunding {
    /// The gateway is at it.
    Pending,
    /// The money is on its way to the payer; with the gateway's own id of the refund.
    Done(String),
}

/// Whoever takes payers' money elsewhere.
pub trait Gateway: Send + Sync {
    /// The name, as clients and addresses say it.
    fn name(&self) -> &'static str;

    /// The keys that its events are signed with.
    fn keys(&self) -> &Keys;

    /// Has it expect a payment. Repeating the order gives the same payment.
    fn create<'a>(&'a self, order: &'a Order) -> Asking<'a, Created>;

    /// Asks it what became of a payment of ours.
    fn ask<'a>(&'a self, order: &'a Order) -> Asking<'a, ReportedState>;

    /// Has it give money back. Repeating the order gives the state of the same refund.
    fn refund<'a>(&'a self, order: &'a RefundOrder) -> Asking<'a, Refunding>;
}
