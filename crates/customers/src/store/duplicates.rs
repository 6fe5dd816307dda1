//! Finds records that may be the same subscriber: a limited number of rows through each index, never a full scan.

use database::{Arg, Conn, Sql};
use kernel::{Result, id::CustomerId};

use super::SELECT;
use crate::model::{Customer, Likeness};

/// The maximum number of rows read that share a common value, such as a name or a house.
const MOST_NAMESAKES: usize = 200;
/// The maximum number of rows read with one birth date; of five million people, about two hundred share one.
const MOST_BORN: usize = 500;
/// The maximum number of rows read that share a rarely shared value.
const MOST_ALIKE: usize = 20;

/// Returns rows that share a value with `of`, in no order. Merged subscribers are left out, because their survivors count.
pub async fn candidates(conn: &mut Conn, of: &Likeness, own: Option<CustomerId>) -> Result<Vec<Customer>> {
    let mut arms = Arms::default();
    // two arms for each unique value: archived subscribers are in a separate index
    for standing in ["status <> 'archived'", "status = 'archived'"] {
        arms.add(&format!("phone = ? AND {standing}"), [of.phone.clone().map(Arg::from)], MOST_ALIKE);
        arms.add(&format!("email_key = ? AND {standing}"), [of.email_key.clone().map(Arg::from)], MOST_ALIKE);
        arms.add(&format!("inn = ? AND {standing}"), [of.inn.clone().map(Arg::from)], MOST_ALIKE);
    }
    let number = of.document.as_ref().map(|(_, _, number)| Arg::from(number));
    arms.add("passport_number = ?", [number], MOST_ALIKE);
    arms.add("organization_code = ?", [of.organization_code.clone().map(Arg::from)], MOST_ALIKE);
    let text = |key: &String| Some(Arg::from(key)).filter(|_| !key.is_empty());
    let born = of.birth_date.map(Arg::from);
    arms.add("name_key = ? ORDER BY id DESC", [text(&of.name_key)], MOST_NAMESAKES);
    arms.add("birth_date = ? AND name_key = ?", [born.clone(), text(&of.name_key)], MOST_ALIKE);
    arms.add("birth_date = ?", [born.filter(|_| !of.name_key.is_empty())], MOST_BORN);
    arms.add(
        "address_key = ? AND address_key <> '' ORDER BY id DESC",
        [text(&of.address_key).filter(|_| !of.name_key.is_empty())],
        MOST_NAMESAKES,
    );
    if arms.texts.is_empty() {
        return Ok(Vec::new());
    }
    let own_place = arms.args.len() + 1;
    Sql::owned(format!("{SELECT} WHERE merged_into IS NULL AND id <> ${own_place} AND id IN ({})", arms.texts.join(" UNION ")))
        .bind_all(arms.args)
        .bind(own.map_or(0, CustomerId::get))
        .all(conn)
        .await
}

/// Subqueries, each limited and using one index; those without a value to search for are left out.
#[derive(Default)]
struct Arms {
    texts: Vec<String>,
    args: Vec<Arg>,
}

impl Arms {
    fn add<const N: usize>(&mut self, condition: &str, values: [Option<Arg>; N], most: usize) {
        let values: Vec<Arg> = values.into_iter().flatten().collect();
        if values.len() < N {
            return;
        }
        let mut condition = condition.to_owned();
        for value in values {
            self.args.push(value);
            condition = condition.replacen('?', &format!("${}", self.args.len()), 1);
        }
        let name = self.texts.len();
        self.texts.push(format!("SELECT id FROM (SELECT id FROM customers WHERE {condition} LIMIT {most}) AS arm_{name}"));
    }
}
