//! The program `telecom-crm`: settings, assembly, jobs and the command line.

pub mod assembly;
pub mod cli;
pub mod failure;
pub mod settings;
pub mod variables;
pub mod verify;
