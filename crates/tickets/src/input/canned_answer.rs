//! Request bodies and list filters of canned answers.

use kernel::{Context, FieldErrors, Input};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::not_blank;
use crate::model::TicketCategory;

/// The fields of a canned answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "title": "Перезагрузка телефона", "category": "technical", "text": "Выключите телефон, подождите минуту и включите снова."
}))]
pub struct CannedAnswerInput {
    /// The title; not blank, and unique regardless of case.
    #[validate(length(max = 100))]
    #[schema(min_length = 1, max_length = 100, pattern = r"\S")]
    pub title: String,
    /// The category of tickets that it answers; any if absent.
    pub category: Option<TicketCategory>,
    /// The text; not blank.
    #[validate(length(max = 5000))]
    #[schema(min_length = 1, max_length = 5000, pattern = r"\S")]
    pub text: String,
}

impl Input for CannedAnswerInput {
    fn check(&self, _context: &Context, wrong: &mut FieldErrors) {
        not_blank("title", &self.title, wrong);
        not_blank("text", &self.text, wrong);
    }
}

/// Which canned answers to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CannedAnswerFilter {
    /// Only those for this category.
    pub category: Option<TicketCategory>,
    /// Part of a title or a text.
    #[param(max_length = 200)]
    pub search: Option<String>,
}
