//! The program `telecom-crm`: settings, assembly, jobs and the command line.

pub mod assembly;
pub mod cli;
pub mod settings;
pub mod verify;
