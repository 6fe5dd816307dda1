//! Rows together with the short forms of the records that they name, so that a screen with names takes one request.

use std::collections::{BTreeMap, BTreeSet};

use acl::{Granted, perm, users};
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use database::{Conn, Page};
use futures_util::future::LocalBoxFuture;
use kernel::{Error, Id, Result, error::common};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{
    IntoParams,
    openapi::{
        ArrayBuilder, ObjectBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle},
        schema::Type,
    },
};

use crate::{answer::Answer, call::Call, guard, parameters, problem::Refused};

/// A record that rows name, and that they can be shown with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The subscriber.
    Customer,
    /// The contract.
    Contract,
    /// The tariff.
    Tariff,
    /// The SIM card.
    Sim,
    /// The user who works on it.
    AssignedTo,
    /// The user who made it.
    CreatedBy,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 6] = [Self::Customer, Self::Contract, Self::Tariff, Self::Sim, Self::AssignedTo, Self::CreatedBy];

    /// The word in the parameter `expand`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Contract => "contract",
            Self::Tariff => "tariff",
            Self::Sim => "sim",
            Self::AssignedTo => "assigned_to",
            Self::CreatedBy => "created_by",
        }
    }

    /// The field of the row with the id.
    pub const fn named_by(self) -> &'static str {
        match self {
            Self::Customer => "customer_id",
            Self::Contract => "contract_id",
            Self::Tariff => "tariff_id",
            Self::Sim => "sim_id",
            Self::AssignedTo => "assigned_to",
            Self::CreatedBy => "created_by",
        }
    }

    /// The field with the short form.
    pub const fn shown_as(self) -> &'static str {
        match self {
            Self::AssignedTo => "assigned_to_user",
            Self::CreatedBy => "created_by_user",
            other => other.word(),
        }
    }

    /// The schema of the short form.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Customer => "CustomerShort",
            Self::Contract => "ContractShort",
            Self::Tariff => "TariffShort",
            Self::Sim => "SimShort",
            Self::AssignedTo | Self::CreatedBy => "UserShort",
        }
    }

    /// Reads the short forms of these, by id, with one statement. Errors: `permission_missing`; users are shown to everybody.
    async fn read(self, call: &Call, conn: &mut Conn, ids: &[i64]) -> Result<Vec<Value>> {
        let caller = call.caller().ok_or(acl::refusal::NOT_SIGNED_IN)?;
        match self {
            Self::Customer => values(customers::short_forms(conn, &Granted::<perm::CustomersRead>::check(&caller.0)?, &typed(ids)).await?),
            Self::Contract => values(contracts::short_forms(conn, &Granted::<perm::ContractsRead>::check(&caller.0)?, &typed(ids)).await?),
            Self::Tariff => values(tariffs::short_forms(conn, &Granted::<perm::TariffsRead>::check(&caller.0)?, &typed(ids)).await?),
            Self::Sim => values(sims::short_forms(conn, &Granted::<perm::SimsRead>::check(&caller.0)?, &typed(ids)).await?),
            Self::AssignedTo | Self::CreatedBy => values(users::short_forms(conn, &caller, &typed(ids)).await?),
        }
    }
}

fn typed<T>(ids: &[i64]) -> Vec<Id<T>> {
    ids.iter().copied().map(Id::new).collect()
}

fn values(short_forms: Vec<impl Serialize>) -> Result<Vec<Value>> {
    short_forms.iter().map(|one| serde_json::to_value(one).map_err(Error::internal)).collect()
}

/// A resource whose rows can be shown with what they name.
pub trait Expandable {
    /// What they name.
    const PARTS: &'static [Part];
}

impl Expandable for contracts::Contract {
    const PARTS: &'static [Part] = &[Part::Customer, Part::Tariff, Part::Sim];
}

impl Expandable for payments::Payment {
    const PARTS: &'static [Part] = &[Part::Contract];
}

impl Expandable for sims::Sim {
    const PARTS: &'static [Part] = &[Part::Contract];
}

impl Expandable for sims::Number {
    const PARTS: &'static [Part] = &[Part::Contract, Part::Sim];
}

impl Expandable for sims::SimBinding {
    const PARTS: &'static [Part] = &[Part::Contract, Part::Customer];
}

impl Expandable for tickets::Ticket {
    const PARTS: &'static [Part] = &[Part::Customer, Part::Contract, Part::AssignedTo, Part::CreatedBy];
}

impl Expandable for notifications::Notification {
    const PARTS: &'static [Part] = &[Part::Customer, Part::Contract];
}

/// The resources whose rows can be expanded, by the names of their schemas.
pub const EXPANDABLE: [(&str, &[Part]); 7] = [
    ("Contract", contracts::Contract::PARTS),
    ("Payment", payments::Payment::PARTS),
    ("Sim", sims::Sim::PARTS),
    ("Number", sims::Number::PARTS),
    ("SimBinding", sims::SimBinding::PARTS),
    ("Ticket", tickets::Ticket::PARTS),
    ("Notification", notifications::Notification::PARTS),
];

/// What the rows of a response are shown with.
#[derive(Clone, Debug, Default)]
pub struct Expand(Vec<Part>);

impl Expand {
    /// The words of the parameter, which are known to be among these parts.
    pub fn of(words: &str, parts: &[Part]) -> Self {
        Self(parts.iter().copied().filter(|part| words.split(',').any(|word| word == part.word())).collect())
    }

    /// Responds with a page of rows and what they are shown with: one statement for each part. Errors: `permission_missing`.
    pub async fn page<T: Serialize>(&self, call: &Call, page: Page<T>) -> Result<Answer> {
        if self.0.is_empty() {
            return call.page(page);
        }
        let rows = call.read(async |conn| self.rows(call, conn, &page.results).await).await?;
        call.page(Page { count: page.count, next: page.next, previous: page.previous, results: rows })
    }

    /// Responds with one record of this version and what it is shown with. Errors: `permission_missing`.
    pub async fn one<T: Serialize>(&self, call: &Call, record: &T, version: i64) -> Result<Answer> {
        if self.0.is_empty() {
            return Answer::resource(record, version);
        }
        let rows = call.read(async |conn| self.rows(call, conn, &[record]).await).await?;
        Answer::resource(&rows[0], version)
    }

    async fn rows<T: Serialize>(&self, call: &Call, conn: &mut Conn, rows: &[T]) -> Result<Vec<Map<String, Value>>> {
        let mut shown: Vec<Map<String, Value>> = Vec::with_capacity(rows.len());
        for row in rows {
            match serde_json::to_value(row).map_err(Error::internal)? {
                Value::Object(fields) => shown.push(fields),
                other => return Err(Error::internal(format!("a row is not an object: {other}"))),
            }
        }
        for part in &self.0 {
            let ids: BTreeSet<i64> = shown.iter().filter_map(|row| row.get(part.named_by())?.as_i64()).collect();
            let ids: Vec<i64> = ids.into_iter().collect();
            // also without ids: a missing permission is refused whatever the rows are
            let short_forms = part.read(call, conn, &ids).await?;
            let by_id: BTreeMap<i64, Value> = short_forms.into_iter().filter_map(|short| Some((short["id"].as_i64()?, short))).collect();
            for row in &mut shown {
                let id = row.get(part.named_by()).and_then(Value::as_i64);
                let short = id.and_then(|id| by_id.get(&id)).cloned().unwrap_or_default();
                row.insert(part.shown_as().to_owned(), short);
            }
        }
        Ok(shown)
    }
}

/// The parameter `expand` of what can be shown with these parts.
pub fn parameter(parts: &[Part]) -> Option<Parameter> {
    if parts.is_empty() {
        return None;
    }
    let words = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(parts.iter().map(|part| part.word())));
    let shown = parts.iter().map(|part| format!("`{}` as `{}`", part.word(), part.shown_as())).collect::<Vec<_>>();
    Some(
        ParameterBuilder::new()
            .name("expand")
            .parameter_in(ParameterIn::Query)
            .required(utoipa::openapi::Required::False)
            .description(Some(format!("Adds short forms of what is named: {}.", shown.join(", "))))
            .style(Some(ParameterStyle::Form))
            .explode(Some(false))
            .schema(Some(ArrayBuilder::new().items(words).min_items(Some(1)).max_items(Some(parts.len() * 2))))
            .build(),
    )
}

/// The query of one resource: what it is shown with.
pub struct Expanding<R> {
    /// What it is shown with.
    pub expand: Expand,
    of: std::marker::PhantomData<fn() -> R>,
}

impl<R: Expandable> IntoParams for Expanding<R> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        parameter(R::PARTS).into_iter().collect()
    }
}

impl<R: Expandable + 'static> FromRequest for Expanding<R> {
    type Error = Refused;
    type Future = LocalBoxFuture<'static, Result<Self, Refused>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            guard::let_in(&request).await?;
            let (pairs, wrong) = parameters::parse(request.query_string(), &Self::into_params(|| None))?;
            wrong.into_error(common::INVALID_PARAMETER)?;
            let words = pairs.first().map(|(_, words)| words.as_str()).unwrap_or_default();
            Ok(Self { expand: Expand::of(words, R::PARTS), of: std::marker::PhantomData })
        })
    }
}
