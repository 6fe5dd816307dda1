//! The whole system over HTTP. Each `#[scenario]` runs on both engines, with a fresh database each.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test that cannot continue panics"
)]

mod harness;

mod access;
mod billing;
mod billing_examples;
mod contracts;
mod conventions;
mod customers;
mod faults;
mod gateways;
mod main_job;
mod notifications;
mod payments;
mod phone_numbers;
mod program;
mod random_walks;
mod records;
mod sim_cards;
mod sim_swap;
mod simulation;
mod tariffs;
mod tickets;
mod walks;
