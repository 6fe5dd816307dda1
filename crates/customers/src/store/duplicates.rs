//! Finds records that may be the same subscriber: a limited number of rows through each index, never a full scan.

use database::{Arg, Conn, Engine, Sql};
use kernel::{Result, id::CustomerId};

use super::SELECT;
use crate::model::{Customer, Likeness, is_similar};

/// The maximum number of rows read that share a common value, such as a name or a house.
const MOST_NAMESAKES: usize = 200;
/// The maximum number of rows read with one birth date; of five million people, about two hundred share one.
const MOST_BORN: usize = 500;
/// The maximum number of rows read that share a rarely shared value.
const MOST_ALIKE: usize = 20;

/// The maximum number of people with one birth date whose names are compared: on a day that stands for an unknown one there are many.
const MOST_COMPARED: usize = 5_000;

/// Returns rows that share a value with `of`, in no order. Merged subscribers are left out, because their survivors count.
pub async fn candidates(conn: &mut Conn, of: &Likeness, own: Option<CustomerId>) -> Result<Vec<Customer>> {
    let similar = born_with_a_similar_name(conn, of).await?;
    let mut arms = Arms::default();
    // two arms for each unique value: archived subscribers are in a separate index
    for standing in ["status <> 'archived'", "status = 'archived'"] {
        arms.add(&format!("phone = ? AND {standing}"), [of.phone.clone().map(Arg::from)], MOST_ALIKE);
        arms.add(&format!("email_key = ? AND {standing}"), [of.email_key.clone().map(Arg::from)], MOST_ALIKE);
        arms.add(&format!("inn = ? AND {standing}"), [of.inn.clone().map(Arg::from)], MOST_ALIKE);
    }
    let document = of.document.as_ref().map(|(_, key)| Arg::from(key));
    arms.add("document_key = ?", [document], MOST_ALIKE);
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
    for id in similar {
        arms.add("id = ?", [Some(id.into())], 1);
    }
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

/// Returns people with the same birth date, a common word in the name, and a similar name: an index has the names, and they are compared
/// here, so that a mistyped name is found however many people share the day.
async fn born_with_a_similar_name(conn: &mut Conn, of: &Likeness) -> Result<Vec<CustomerId>> {
    let words: Vec<&str> = of.name_key.split(' ').filter(|word| !word.is_empty()).collect();
    let (Some(born), false) = (of.birth_date, words.is_empty()) else { return Ok(Vec::new()) };
    let function = match conn.engine() {
        Engine::Postgres => "strpos",
        Engine::Sqlite => "instr",
    };
    let shared: Vec<String> = (2..).take(words.len()).map(|place| format!("{function}(name_key, ${place}) > 0")).collect();
    let text = format!("SELECT id, name_key FROM customers WHERE birth_date = $1 AND ({}) LIMIT {MOST_COMPARED}", shared.join(" OR "));
    let namesakes: Vec<(CustomerId, String)> =
        Sql::owned(text).bind(born).bind_all(words.into_iter().map(|word| Arg::from(word.to_owned()))).all(conn).await?;
    let similar = namesakes.into_iter().filter(|(_, name_key)| is_similar(&of.name_key, name_key));
    Ok(similar.map(|(id, _)| id).take(MOST_ALIKE).collect())
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
