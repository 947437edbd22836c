//! The plan of a run: rounds, and in each round every measurement by turns of the contestants.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::Args;
use crate::contestant::Peer;
use crate::measure::{Job, Line, Task};
use crate::report::{self, Results};
use crate::work::Work;

/// Measures what `args` ask for and prints it.
///
/// # Errors
///
/// A contestant that fails or gives a wrong answer.
pub fn run(args: Args) -> Result<()> {
    if let Some(job) = &args.child {
        return serde_json::from_str::<Job>(job)?.run();
    }
    let folder = tempfile::Builder::new()
        .prefix("peers-")
        .tempdir_in(&args.dir)?;
    let mut results = Results::default();
    let plan = tasks(&args);
    let contestants = args.contestants();
    let jobs = args.sizes().len() * args.rounds() as usize * plan.len() * contestants.len();
    let bar = bar(jobs as u64);
    for events in args.sizes() {
        for round in 0..args.rounds() {
            for (number, task) in plan.iter().enumerate() {
                for peer in &contestants {
                    bar.set_message(format!("{events} events, {}, {task:?}", peer.name()));
                    let job = Job {
                        task: *task,
                        peer: *peer,
                        path: path_of(folder.path(), *peer, *task),
                        events,
                        seed: args.seed,
                        part: u64::from(round) * 64 + number as u64,
                        questions: if args.quick { 500 } else { 2000 },
                        limit: Duration::from_secs(if args.quick { 1 } else { 3 }),
                        works: works(&args),
                    };
                    measure(&job, &mut results, &bar)
                        .with_context(|| format!("{}, {task:?}", peer.name()))?;
                    bar.inc(1);
                }
            }
            for peer in &contestants {
                let path = path_of(folder.path(), *peer, Task::Fill);
                if path.exists() {
                    fs::remove_dir_all(path)?;
                }
            }
        }
    }
    bar.finish_and_clear();
    if args.json {
        print!("{}", report::json(&args, &results)?);
    } else {
        print!("{}", report::table(&args, &results));
    }
    Ok(())
}

fn works(args: &Args) -> Vec<Work> {
    use clap::ValueEnum;
    let all = Work::value_variants().iter().copied();
    all.filter(|work| args.wants(*work)).collect()
}

/// Stores that are filled for themselves stand beside the one that stays.
fn path_of(folder: &Path, peer: Peer, task: Task) -> std::path::PathBuf {
    match task {
        Task::FillSynced | Task::Memory => folder.join(format!("{}-new", peer.name())),
        _ => folder.join(peer.name()),
    }
}

fn tasks(args: &Args) -> Vec<Task> {
    let opens = [Work::OpenAppend, Work::OpenQuery];
    let mut tasks = vec![Task::Fill];
    let mut add = |wanted: bool, new: &[Task]| {
        if wanted {
            tasks.extend(new);
        }
    };
    add(
        args.wants(opens[0]),
        &[
            Task::OpenAppend(false),
            Task::BeKilled,
            Task::OpenAppend(true),
        ],
    );
    add(
        args.wants(opens[1]),
        &[
            Task::OpenQuery(false),
            Task::BeKilled,
            Task::OpenQuery(true),
        ],
    );
    for work in [Work::SingleSync, Work::SingleSync8, Work::SingleOs] {
        add(args.wants(work), &[Task::Single(work)]);
    }
    add(args.wants(Work::BatchSync), &[Task::FillSynced]);
    add(args.wants(Work::Memory), &[Task::Memory]);
    tasks
}

/// Runs `job` in a process of its own, so that neither allocator nor cache is carried over.
fn measure(job: &Job, results: &mut Results, bar: &ProgressBar) -> Result<()> {
    // What the one before left to be written is not this one's work.
    let folder = job.path.parent().context("a store is in a directory")?;
    Command::new("sync").arg("-f").arg(folder).status()?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--child")
        .arg(serde_json::to_string(job)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().context("the output is piped")?;
    let mut killed = false;
    for line in BufReader::new(output).lines() {
        match serde_json::from_str(&line?)? {
            Line::Progress(_) => bar.tick(),
            Line::Ready => {
                child.kill()?;
                killed = true;
            }
            Line::Figure(figure) => results.add(job, figure),
        }
    }
    let status = child.wait()?;
    ensure!(status.success() || killed, "it ended with {status}");
    Ok(())
}

fn bar(jobs: u64) -> ProgressBar {
    let bar = ProgressBar::new(jobs);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed} {msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
