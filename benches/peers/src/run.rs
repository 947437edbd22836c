//! The plan of a run: rounds, and in each round every measurement by turns of the contestants.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
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
pub fn run(args: &Args) -> Result<()> {
    if let Some(job) = &args.child {
        return serde_json::from_str::<Job>(job)?.run();
    }
    let folder = tempfile::Builder::new()
        .prefix("peers-")
        .tempdir_in(&args.dir)?;
    let plan = plan(args, folder.path());
    let bar = bar(plan.len() as u64);
    let mut results = Results::default();
    for job in &plan {
        let (peer, task) = (job.peer.name(), job.task);
        bar.set_message(format!("{} events, {peer}, {task:?}", job.events));
        measure(job, &mut results, &bar).with_context(|| format!("{peer}, {task:?}"))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if let Some(file) = &args.markdown {
        fs::write(file, report::markdown(args, &results))?;
    }
    if let Some(file) = &args.svg {
        fs::write(file, report::svg(&results))?;
    }
    if args.json {
        print!("{}", report::json(args, &results)?);
    } else {
        print!("{}", report::table(args, &results));
    }
    Ok(())
}

/// Every measurement, in order: the contestants take turns at each.
fn plan(args: &Args, folder: &Path) -> Vec<Job> {
    let job = |task, peer: Peer, events, part| Job {
        task,
        peer,
        path: path_of(folder, peer, task),
        events,
        seed: args.seed,
        part,
        questions: if args.quick { 500 } else { 2000 },
        limit: Duration::from_secs(if args.quick { 1 } else { 3 }),
        works: wanted(args),
        prefault: args.prefault,
    };
    let (tasks, contestants) = (tasks(args), args.contestants());
    let mut plan = Vec::new();
    for events in args.sizes() {
        for round in 0..args.rounds() {
            for (number, task) in tasks.iter().enumerate() {
                let part = u64::from(round) * 64 + number as u64;
                let able = contestants.iter().filter(|peer| does(**peer, *task));
                plan.extend(able.map(|peer| job(*task, *peer, events, part)));
            }
        }
    }
    if let Some(events) = args.growth {
        for task in [Task::Growth, Task::GrowthOfMemory] {
            let able = args.growing().into_iter().filter(|peer| does(*peer, task));
            plan.extend(able.map(|peer| job(task, peer, events, 0)));
        }
    }
    plan
}

/// The works that are measured.
fn wanted(args: &Args) -> Vec<Work> {
    let all = Work::value_variants().iter().copied();
    all.filter(|work| args.wants(*work)).collect()
}

/// Stores that are filled for themselves stand beside the one that stays.
fn path_of(folder: &Path, peer: Peer, task: Task) -> PathBuf {
    match task {
        Task::FillSynced | Task::Memory | Task::Growth | Task::GrowthOfMemory => {
            folder.join(format!("{}-new", peer.name()))
        }
        _ => folder.join(peer.name()),
    }
}

/// Whether `peer` has what `task` measures.
fn does(peer: Peer, task: Task) -> bool {
    let work = match task {
        Task::Fill | Task::Growth => Work::Disk,
        Task::FillSynced => Work::BatchSync,
        Task::Single(work) => work,
        Task::Memory | Task::GrowthOfMemory => Work::Memory,
        Task::BeKilled | Task::OpenAppend(_) => Work::OpenAppend,
        Task::OpenQuery(_) => Work::OpenQuery,
    };
    peer.lacks(work).is_none()
}

/// What a round consists of. All but the first use the store that the first filled, or one of their own.
fn tasks(args: &Args) -> Vec<Task> {
    let (append, query) = (Task::OpenAppend, Task::OpenQuery);
    let kinds: [(Work, &[Task]); 7] = [
        (
            Work::OpenAppend,
            &[append(false), Task::BeKilled, append(true)],
        ),
        (
            Work::OpenQuery,
            &[query(false), Task::BeKilled, query(true)],
        ),
        (Work::SingleSync, &[Task::Single(Work::SingleSync)]),
        (Work::SingleSync8, &[Task::Single(Work::SingleSync8)]),
        (Work::SingleOs, &[Task::Single(Work::SingleOs)]),
        (Work::BatchSync, &[Task::FillSynced]),
        (Work::Memory, &[Task::Memory]),
    ];
    let needs_no_store = [Work::BatchSync, Work::Memory];
    let works = wanted(args);
    let store = works.iter().any(|work| !needs_no_store.contains(work));
    let others = kinds.iter().filter(|(work, _)| works.contains(work));
    let first = store.then_some(Task::Fill).into_iter();
    first
        .chain(others.flat_map(|(_, tasks)| tasks.iter().copied()))
        .collect()
}

/// Runs `job` in a process of its own, so that neither allocator nor cache is carried over.
fn measure(job: &Job, results: &mut Results, bar: &ProgressBar) -> Result<()> {
    if job.task == Task::Fill && job.path.exists() {
        fs::remove_dir_all(&job.path)?;
    }
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
        let line = line?;
        // UmaDB prints to the standard output as well.
        if !line.starts_with('{') && !line.starts_with('"') {
            continue;
        }
        match serde_json::from_str(&line)? {
            Line::Progress(part) => bar.set_prefix(format!("{:.0} %", part * 100.0)),
            Line::Ready => {
                child.kill()?;
                killed = true;
            }
            Line::Figure(figure) => results.add(job, figure),
            Line::Point(point) => results.add_point(job.peer, &point),
        }
    }
    let status = child.wait()?;
    ensure!(status.success() || killed, "it ended with {status}");
    Ok(())
}

fn bar(jobs: u64) -> ProgressBar {
    let bar = ProgressBar::new(jobs);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {elapsed} {msg} {prefix}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
