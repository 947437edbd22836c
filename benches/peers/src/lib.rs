//! One workload against experience-log and its peers: see the README beside this.

pub mod args;
pub mod contestant;
pub mod contestants;
pub mod free_memory;
pub mod measure;
pub mod proc_file;
pub mod report;
pub mod row;
pub mod run;
pub mod work;
pub mod workload;
