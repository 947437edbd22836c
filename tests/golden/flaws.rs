//! The damaged logs: what opening each gives, and what `verify` says of it. `LOG` stands for its path.

/// What opening a log for writing does.
#[derive(Debug)]
pub(crate) enum Opening {
    /// It fails with this text, and the journal is left as it was.
    Refused(&'static str),
    /// It cuts off or passes over what is wrong.
    Healed {
        /// So many of the events are left.
        events: usize,
        torn_bytes: u64,
        head_ignored: Option<&'static str>,
    },
    /// It does not see what only `verify` does: hashes are compared when everything is read.
    Unnoticed,
}

#[derive(Debug)]
pub(crate) struct Flaw {
    /// The folder in `fixtures/v1/damaged/`.
    pub(crate) name: &'static str,
    pub(crate) opening: Opening,
    /// What a read-only handle finds.
    pub(crate) problems: &'static [&'static str],
}

pub(crate) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "cut-below-head",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000004.seg is damaged at byte 554: expected frames up to byte 936, before event 8, found a segment of 554 bytes",
        ),
        problems: &["HEAD tells of 8 events, 6 can be read"],
    },
    Flaw {
        name: "cut-below-head-between-frames",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000004.seg is damaged at byte 720: expected frames up to byte 936, before event 8, found a segment of 720 bytes",
        ),
        problems: &["HEAD tells of 8 events, 7 can be read"],
    },
    Flaw {
        name: "cut-sealed-segment",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000002.segz is damaged at byte 0 (sequence number 2): expected a chunk of frames, found a chunk with checksum ae7d4c94 whose bytes give a77810b8",
        ),
        problems: &[
            "LOG/journal/00000000000000000002.segz is damaged at byte 0 (sequence number 2): expected a chunk of frames, found a chunk with checksum ae7d4c94 whose bytes give a77810b8",
            "HEAD tells of 8 events, 2 can be read",
        ],
    },
    Flaw {
        name: "flipped-bit-in-a-frame",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000004.seg is damaged at byte 288 (sequence number 5): expected the frame of event 5, found a frame with checksum 91bf8f96 whose bytes give e85f72b1",
        ),
        problems: &[
            "LOG/journal/00000000000000000004.seg is damaged at byte 288 (sequence number 5): expected the frame of event 5, found a frame with checksum 91bf8f96 whose bytes give e85f72b1",
            "HEAD tells of 8 events, 5 can be read",
        ],
    },
    Flaw {
        name: "flipped-bit-in-a-frame-length",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000004.seg is damaged at byte 288 (sequence number 5): expected the frame of event 5, found a frame of 1048789 bytes of which 648 are there",
        ),
        problems: &[
            "LOG/journal/00000000000000000004.seg is damaged at byte 288 (sequence number 5): expected the frame of event 5, found a frame of 1048789 bytes of which 648 are there",
            "HEAD tells of 8 events, 5 can be read",
        ],
    },
    Flaw {
        name: "flipped-bit-in-a-frame-without-head",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000004.seg is damaged at byte 288 (sequence number 5): expected the frame of event 5, found a frame with checksum 91bf8f96 whose bytes give e85f72b1",
        ),
        problems: &[
            "LOG/journal/00000000000000000004.seg is damaged at byte 288 (sequence number 5): expected the frame of event 5, found a frame with checksum 91bf8f96 whose bytes give e85f72b1",
        ],
    },
    Flaw {
        name: "flipped-bit-in-a-sealed-chunk",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000002.segz is damaged at byte 0 (sequence number 2): expected a chunk of frames, found a chunk with checksum ae7d4c94 whose bytes give db76df4b",
        ),
        problems: &[
            "LOG/journal/00000000000000000002.segz is damaged at byte 0 (sequence number 2): expected a chunk of frames, found a chunk with checksum ae7d4c94 whose bytes give db76df4b",
            "HEAD tells of 8 events, 2 can be read",
        ],
    },
    Flaw {
        name: "flipped-bit-in-a-sealed-table",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000002.segz is damaged at byte 0 (sequence number 2): expected a sealed segment's chunk table, found a header with checksum 55ebaedd whose bytes give 316d48eb",
        ),
        problems: &[
            "LOG/journal/00000000000000000002.segz is damaged at byte 0 (sequence number 2): expected a sealed segment's chunk table, found a header with checksum 55ebaedd whose bytes give 316d48eb",
            "HEAD tells of 8 events, 2 can be read",
        ],
    },
    Flaw {
        name: "flipped-bit-in-a-segment-header",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000004.seg is damaged at byte 0 (sequence number 4): expected a segment header, found a header with checksum b1153585 whose bytes give ba8babda",
        ),
        problems: &[
            "LOG/journal/00000000000000000004.seg is damaged at byte 0 (sequence number 4): expected a segment header, found a header with checksum b1153585 whose bytes give ba8babda",
            "HEAD tells of 8 events, 4 can be read",
        ],
    },
    Flaw {
        name: "flipped-bit-in-format",
        opening: Opening::Refused(
            "LOG/FORMAT is damaged at byte 0: expected the log's format, found checksum a4c7d47d over bytes that give decc34be",
        ),
        problems: &[
            "LOG/FORMAT is damaged at byte 0: expected the log's format, found checksum a4c7d47d over bytes that give decc34be",
        ],
    },
    Flaw {
        name: "flipped-bit-in-head",
        opening: Opening::Healed {
            events: 8,
            torn_bytes: 0,
            head_ignored: Some(
                "LOG/HEAD is damaged at byte 0: expected the journal's last known end, found checksum 5e6850ab over bytes that give 9915f61a",
            ),
        },
        problems: &[
            "LOG/HEAD is damaged at byte 0: expected the journal's last known end, found checksum 5e6850ab over bytes that give 9915f61a",
        ],
    },
    Flaw {
        name: "format-of-something-else",
        opening: Opening::Refused(
            "LOG is not a log: expected a FORMAT file of a log, found a FORMAT file of something else; choose an empty directory",
        ),
        problems: &[
            "LOG is not a log: expected a FORMAT file of a log, found a FORMAT file of something else; choose an empty directory",
        ],
    },
    Flaw {
        name: "frame-twice",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000004.seg is damaged at byte 936 (sequence number 8): expected the frame of event 8, found a frame that starts at sequence number 7 instead of 8",
        ),
        problems: &[
            "LOG/journal/00000000000000000004.seg is damaged at byte 936 (sequence number 8): expected the frame of event 8, found a frame that starts at sequence number 7 instead of 8",
        ],
    },
    Flaw {
        name: "head-of-another-log",
        opening: Opening::Healed {
            events: 8,
            torn_bytes: 0,
            head_ignored: Some(
                "LOG/HEAD is damaged at byte 0: expected the journal's last known end, found another log's id",
            ),
        },
        problems: &[
            "LOG/HEAD is damaged at byte 0: expected the journal's last known end, found another log's id",
        ],
    },
    Flaw {
        name: "missing-first-segment",
        opening: Opening::Refused(
            "LOG/journal is damaged at byte 0 (sequence number 0): expected a segment that starts at sequence number 0, found none",
        ),
        problems: &[
            "LOG/journal is damaged at byte 0 (sequence number 0): expected a segment that starts at sequence number 0, found a first segment from 2",
            "HEAD tells of 8 events, 0 can be read",
        ],
    },
    Flaw {
        name: "missing-format",
        opening: Opening::Refused(
            "LOG is not a log: expected a FORMAT file, found HEAD; choose an empty directory",
        ),
        problems: &[
            "LOG is not a log: expected a FORMAT file, found HEAD; choose an empty directory",
        ],
    },
    Flaw {
        name: "missing-journal",
        opening: Opening::Refused(
            "cannot list LOG/journal: No such file or directory (os error 2)",
        ),
        problems: &["cannot list LOG/journal: No such file or directory (os error 2)"],
    },
    Flaw {
        name: "missing-last-segment",
        opening: Opening::Refused(
            "LOG/journal is damaged at byte 0 (sequence number 8): expected a segment that starts at sequence number 4, found none",
        ),
        problems: &["HEAD tells of 8 events, 4 can be read"],
    },
    Flaw {
        name: "missing-middle-segment",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000000.segz is damaged at byte 4008 (sequence number 2): expected the frame of event 2, found nothing",
        ),
        problems: &[
            "LOG/journal/00000000000000000000.segz is damaged at byte 4008 (sequence number 2): expected the frame of event 2, found nothing",
            "HEAD tells of 8 events, 2 can be read",
        ],
    },
    Flaw {
        name: "newer-format",
        opening: Opening::Refused(
            "LOG/FORMAT has format version 2, this build reads up to 1; use a newer experience-log",
        ),
        problems: &[
            "LOG/FORMAT has format version 2, this build reads up to 1; use a newer experience-log",
        ],
    },
    Flaw {
        name: "newer-head",
        opening: Opening::Healed {
            events: 8,
            torn_bytes: 0,
            head_ignored: Some(
                "LOG/HEAD is damaged at byte 0: expected the journal's last known end, found version 2",
            ),
        },
        problems: &[
            "LOG/HEAD is damaged at byte 0: expected the journal's last known end, found version 2",
        ],
    },
    Flaw {
        name: "newer-sealed-segment",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000002.segz has format version 2, this build reads up to 1; use a newer experience-log",
        ),
        problems: &[
            "LOG/journal/00000000000000000002.segz has format version 2, this build reads up to 1; use a newer experience-log",
        ],
    },
    Flaw {
        name: "newer-segment",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000004.seg has format version 2, this build reads up to 1; use a newer experience-log",
        ),
        problems: &[
            "LOG/journal/00000000000000000004.seg has format version 2, this build reads up to 1; use a newer experience-log",
        ],
    },
    Flaw {
        name: "segment-of-another-log",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000004.seg is damaged at byte 0 (sequence number 4): expected a segment of this log, found one of another log",
        ),
        problems: &[
            "LOG/journal/00000000000000000004.seg is damaged at byte 0 (sequence number 4): expected a segment of this log, found one of another log",
            "HEAD tells of 8 events, 4 can be read",
        ],
    },
    Flaw {
        name: "segment-under-another-name",
        opening: Opening::Refused(
            "LOG/journal/00000000000000000002.segz is damaged at byte 0 (sequence number 2): expected a segment from 2, found one from 0",
        ),
        problems: &[
            "LOG/journal/00000000000000000002.segz is damaged at byte 0 (sequence number 2): expected a segment from 2, found one from 0",
            "HEAD tells of 8 events, 2 can be read",
        ],
    },
    Flaw {
        name: "segment-with-a-gap-before-it",
        opening: Opening::Refused(
            "LOG/journal is damaged at byte 0 (sequence number 8): expected a segment that starts at sequence number 4, found none",
        ),
        problems: &[
            "LOG/journal/00000000000000000002.segz is damaged at byte 4008 (sequence number 4): expected the frame of event 4, found nothing",
            "HEAD tells of 8 events, 4 can be read",
        ],
    },
    Flaw {
        name: "tampered-event",
        opening: Opening::Unnoticed,
        problems: &[
            "LOG/journal/00000000000000000004.seg is damaged at byte 288 (sequence number 5): expected the frame of event 5, found a frame whose hash does not continue the chain",
            "HEAD tells of 8 events, 5 can be read",
        ],
    },
    Flaw {
        name: "tampered-hash",
        opening: Opening::Unnoticed,
        problems: &[
            "LOG/journal/00000000000000000004.seg is damaged at byte 288 (sequence number 5): expected the frame of event 5, found a frame whose hash does not continue the chain",
            "HEAD tells of 8 events, 5 can be read",
        ],
    },
    Flaw {
        name: "torn-tail",
        opening: Opening::Healed {
            events: 8,
            torn_bytes: 100,
            head_ignored: None,
        },
        problems: &[],
    },
    Flaw {
        name: "torn-tail-without-head",
        opening: Opening::Healed {
            events: 7,
            torn_bytes: 100,
            head_ignored: None,
        },
        problems: &[],
    },
    Flaw {
        name: "zeros-behind-the-end",
        opening: Opening::Healed {
            events: 8,
            torn_bytes: 0,
            head_ignored: None,
        },
        problems: &[],
    },
];
