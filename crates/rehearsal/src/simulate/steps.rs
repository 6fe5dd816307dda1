//! The steps of people and of the operator, through the use cases that the API calls.

use acl::{Granted, PermissionType};
use database::Tx;
use kernel::{
    Context, Edit, Error, Expected, Input, Money, Result,
    country::Country,
    id::{ContractId, CustomerId, OptionId, PaymentId, SimId, TariffId},
};
use serde_json::{Map, Value, json};

/// A step: one request, or a few that belong together.
#[derive(Clone, Debug)]
pub enum Step {
    /// A contract is created for a subscriber or a new person, prepaid with `paid`, and activated.
    Join { number: u64, customer: Option<CustomerId>, tariff: TariffId, options: Vec<OptionId>, limit: i64, discount: i64, paid: i64 },
    /// Cash is paid.
    Pay { contract: ContractId, amount: i64 },
    /// A card payment is created and stays pending.
    Promise { contract: ContractId, amount: i64 },
    /// A pending payment succeeds.
    Process { payment: PaymentId },
    /// A pending payment fails.
    Fail { payment: PaymentId },
    /// A pending payment is cancelled.
    Cancel { payment: PaymentId },
    /// A payment is refunded, in part or all that is left of it.
    Refund { payment: PaymentId, amount: Option<i64> },
    /// A balance is corrected.
    Correct { contract: ContractId, amount: i64 },
    /// The tariff is changed.
    ChangeTariff { contract: ContractId, tariff: TariffId, now: bool },
    /// An option is added.
    TakeOption { contract: ContractId, option: OptionId, now: bool },
    /// An option is removed.
    LeaveOption { contract: ContractId, option: OptionId, now: bool },
    /// A hold is placed by hand.
    Suspend { contract: ContractId, fraud: bool },
    /// The hold is lifted.
    Resume { contract: ContractId, fraud: bool },
    /// The subscriber is suspended with all contracts.
    SuspendCustomer { customer: CustomerId },
    /// The subscriber is active again.
    ActivateCustomer { customer: CustomerId },
    /// A card is blocked.
    BlockSim { sim: SimId },
    /// The card is unblocked.
    UnblockSim { sim: SimId },
    /// A card is lost.
    LoseSim { sim: SimId },
    /// A new card replaces the present one.
    ReplaceSim { contract: ContractId, number: u64 },
    /// The credit limit and the discount are changed.
    SetTerms { contract: ContractId, limit: i64, discount: i64 },
    /// The contract is terminated; unused days that were paid are credited on request.
    Terminate { contract: ContractId, refund_unused: bool },
}

/// The record that a step has created.
#[derive(Clone, Copy, Debug)]
pub enum Made {
    /// A contract with its records.
    Line { customer: CustomerId, contract: ContractId, sim: SimId, payment: Option<PaymentId> },
    /// A payment.
    Payment(PaymentId),
    /// A card.
    Sim(SimId),
    /// No record.
    Nothing,
}

/// The permission of the simulation.
pub fn granted<P: PermissionType>() -> Granted<P> {
    Granted::system("simulate")
}

/// Parses an input by the rules of a request body.
pub fn input<I: Input>(context: &Context, fields: Value) -> Result<I> {
    kernel::input::from_fields(object(fields)?, context)
}

/// Returns the fields of an object.
pub fn object(fields: Value) -> Result<Map<String, Value>> {
    match fields {
        Value::Object(fields) => Ok(fields),
        other => Err(Error::internal(format!("not an object: {other}"))),
    }
}

/// Converts minor units to an amount.
pub fn money(minor: i64) -> Result<Money> {
    Money::from_minor(minor)
}

/// Formats hundredths as a decimal number.
pub fn decimal(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

impl Step {
    /// The name of the step.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Join { .. } => "join",
            Self::Pay { .. } => "pay",
            Self::Promise { .. } => "promise to pay",
            Self::Process { .. } => "process payment",
            Self::Fail { .. } => "fail payment",
            Self::Cancel { .. } => "cancel payment",
            Self::Refund { .. } => "refund",
            Self::Correct { .. } => "correct",
            Self::ChangeTariff { now: true, .. } => "change tariff now",
            Self::ChangeTariff { now: false, .. } => "change tariff later",
            Self::TakeOption { now: true, .. } => "take option now",
            Self::TakeOption { now: false, .. } => "take option later",
            Self::LeaveOption { now: true, .. } => "leave option now",
            Self::LeaveOption { now: false, .. } => "leave option later",
            Self::Suspend { .. } => "suspend",
            Self::Resume { .. } => "resume",
            Self::SuspendCustomer { .. } => "suspend customer",
            Self::ActivateCustomer { .. } => "activate customer",
            Self::BlockSim { .. } => "block sim",
            Self::UnblockSim { .. } => "unblock sim",
            Self::LoseSim { .. } => "lose sim",
            Self::ReplaceSim { .. } => "replace sim",
            Self::SetTerms { .. } => "set terms",
            Self::Terminate { .. } => "terminate",
        }
    }

    /// Performs the step.
    pub async fn perform(&self, tx: &mut Tx) -> Result<Made> {
        match self {
            Self::Join { .. } => self.join(tx).await,
            Self::Pay { .. }
            | Self::Promise { .. }
            | Self::Process { .. }
            | Self::Fail { .. }
            | Self::Cancel { .. }
            | Self::Refund { .. }
            | Self::Correct { .. } => self.move_money(tx).await,
            Self::BlockSim { .. } | Self::UnblockSim { .. } | Self::LoseSim { .. } | Self::ReplaceSim { .. } => self.change_card(tx).await,
            Self::SuspendCustomer { customer } => {
                let input = input(tx.context(), json!({"reason": "неоплаченные счета"}))?;
                subscribers::suspend(tx, &granted(), *customer, &input).await.map(|_| Made::Nothing)
            }
            Self::ActivateCustomer { customer } => subscribers::activate(tx, &granted(), *customer).await.map(|_| Made::Nothing),
            _ => self.change_contract(tx).await.map(|_| Made::Nothing),
        }
    }

    async fn join(&self, tx: &mut Tx) -> Result<Made> {
        let context = tx.context().clone();
        let policy = tx.policy().clone();
        let Self::Join { number, customer, tariff, options, limit, discount, paid } = self else { return Ok(Made::Nothing) };
        let customer = match customer {
            Some(customer) => *customer,
            None => customers::create(tx, &granted(), &input(&context, person(*number, &context))?).await?.customer.id,
        };
        let sim = sims::create(tx, &granted(), &input(&context, card(*number, policy.country))?).await?.sim.id;
        let draft = json!({
            "customer_id": customer, "tariff_id": tariff, "sim_id": sim, "options": options, "credit_limit": money(*limit)?,
            "discount_percent": decimal(*discount)
        });
        let contract = contracts::create(tx, &granted(), &input(&context, draft)?).await?.id;
        let mut payment = None;
        if *paid > 0 {
            payment = Some(pay(tx, contract, *paid, "cash").await?);
        }
        billing::activate(tx, &granted(), contract, &input(&context, json!({}))?).await?;
        Ok(Made::Line { customer, contract, sim, payment })
    }

    async fn move_money(&self, tx: &mut Tx) -> Result<Made> {
        match self {
            Self::Pay { contract, amount } => return pay(tx, *contract, *amount, "cash").await.map(Made::Payment),
            Self::Promise { contract, amount } => return pay(tx, *contract, *amount, "card").await.map(Made::Payment),
            Self::Process { payment } => drop(billing::process_payment(tx, &granted(), *payment).await?),
            Self::Fail { payment } => {
                let input = input(tx.context(), json!({"reason": "недостаточно средств"}))?;
                billing::fail_payment(tx, &granted(), *payment, &input).await?;
            }
            Self::Cancel { payment } => drop(billing::cancel_payment(tx, &granted(), *payment, &Expected::Any).await?),
            Self::Refund { payment, amount } => {
                let amount = amount.map(money).transpose()?;
                let input = input(tx.context(), json!({"amount": amount, "reason": "по заявлению"}))?;
                billing::refund_payment(tx, &granted(), *payment, &input).await?;
            }
            Self::Correct { contract, amount } => {
                let input = input(tx.context(), json!({"contract_id": contract, "amount": money(*amount)?, "reason": "ошибка кассы"}))?;
                billing::correct(tx, &granted(), &input).await?;
            }
            _ => {}
        }
        Ok(Made::Nothing)
    }

    async fn change_card(&self, tx: &mut Tx) -> Result<Made> {
        let context = tx.context().clone();
        match self {
            Self::BlockSim { sim } => {
                billing::block_sim(tx, &granted(), *sim, &input(&context, json!({"reason": "подозрение"}))?).await?;
            }
            Self::UnblockSim { sim } => drop(billing::unblock_sim(tx, &granted(), *sim).await?),
            Self::LoseSim { sim } => {
                billing::deactivate_sim(tx, &granted(), *sim, &input(&context, json!({"reason": "lost"}))?).await?;
            }
            Self::ReplaceSim { contract, number } => {
                let mut fields = card(*number, tx.policy().country);
                fields["msisdn"] = Value::Null;
                let sim = sims::create(tx, &granted(), &input(&context, fields)?).await?.sim.id;
                let input = input(&context, json!({"sim_id": sim, "reason": "замена"}))?;
                billing::replace_sim(tx, &granted(), *contract, &input).await?;
                return Ok(Made::Sim(sim));
            }
            _ => {}
        }
        Ok(Made::Nothing)
    }

    async fn change_contract(&self, tx: &mut Tx) -> Result<()> {
        let context = tx.context().clone();
        match self {
            Self::ChangeTariff { contract, tariff, now } => {
                let input = input(&context, json!({"tariff_id": tariff, "when": when(*now)}))?;
                billing::change_tariff(tx, &granted(), *contract, &input).await?;
            }
            Self::TakeOption { contract, option, now } => {
                let input = input(&context, json!({"add": [option], "when": when(*now)}))?;
                billing::change_options(tx, &granted(), *contract, &input).await?;
            }
            Self::LeaveOption { contract, option, now } => {
                let input = input(&context, json!({"remove": [option], "when": when(*now)}))?;
                billing::change_options(tx, &granted(), *contract, &input).await?;
            }
            Self::Suspend { contract, fraud } => {
                billing::suspend(tx, &granted(), *contract, &input(&context, json!({"reason": hold(*fraud)}))?).await?;
            }
            Self::Resume { contract, fraud } => {
                billing::resume(tx, &granted(), *contract, &input(&context, json!({"reason": hold(*fraud)}))?).await?;
            }
            Self::SetTerms { contract, limit, discount } => {
                let edit = Edit::merge(object(json!({"credit_limit": money(*limit)?, "discount_percent": decimal(*discount)}))?);
                billing::edit(tx, &granted(), *contract, &edit, &Expected::Any).await?;
            }
            Self::Terminate { contract, refund_unused } => {
                let fields = json!({"reason": "по заявлению", "refund_unused": refund_unused});
                billing::terminate(tx, &granted(), *contract, &input(&context, fields)?).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn when(now: bool) -> &'static str {
    if now { "now" } else { "next_period" }
}

fn hold(fraud: bool) -> &'static str {
    if fraud { "fraud" } else { "request" }
}

async fn pay(tx: &mut Tx, contract: ContractId, amount: i64, method: &str) -> Result<PaymentId> {
    let context = tx.context().clone();
    let fields = json!({"contract_id": contract, "amount": money(amount)?, "payment_method": method});
    Ok(billing::take_payment(tx, &granted(), &input(&context, fields)?).await?.id)
}

/// A person with unique data.
fn person(number: u64, context: &Context) -> Value {
    json!({
        "customer_type": "individual", "last_name": format!("Абонент {number}"), "first_name": "Пётр", "birth_date": "1990-05-17",
        "document_type": "driver_license", "passport_number": format!("{number:06}"), "phone": phone(number, context.policy.country)
    })
}

/// A card with a unique number.
fn card(number: u64, country: Country) -> Value {
    json!({"iccid": format!("897{number:016}"), "imsi": format!("25099{number:010}"), "msisdn": phone(number, country)})
}

fn phone(number: u64, country: Country) -> String {
    format!("{}{number:0width$}", country.phone_prefix(), width = country.phone_digits())
}
