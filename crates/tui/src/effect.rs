//! What the screen hears, and what it asks for: the only way into the [`App`](crate::app::App), and out of it.

use std::fmt;
use std::path::PathBuf;

use agent_protocol::{ApprovalPolicy, Decision, Record, RuleChange, SandboxMode, Unheard};

use crate::composer::{Image, Message};
use crate::fuzzy::FileMatch;
use crate::key::KeyEvent;
use crate::prompts::Prompt;
use crate::theme::Scheme;
use crate::transcript::Notice;

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    Key(KeyEvent),
    Paste(String),
    /// The person has said this already, on the command line.
    Say(Message),
    /// What was held back can be done.
    Do(Vec<Effect>),
    Record(Box<Record>),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// Milliseconds since the screen began.
    Tick(u64),
    /// What was to be done at a certain time is due.
    Due,
    /// The message could not be sent, for this reason: the person has it again.
    NotSent {
        message: Message,
        reason: String,
    },
    /// What came of something that was asked for.
    Notice(Notice),
    /// Why what was asked for is not there to be shown or chosen from.
    NotShown(Notice),
    /// Why no other thread was opened, nor this one anew.
    NotOpened(Notice),
    Page {
        title: String,
        page: Page,
    },
    /// All that the command of this item printed.
    Output {
        item_id: String,
        whole: String,
    },
    /// What may be done, in words, above the rules that the thread lists.
    Permissions {
        about: String,
    },
    Facts(Facts),
    /// The terminal shows us to the person again.
    Focused,
    /// What is checked out now.
    Branch(Option<String>),
    Prompts(Vec<Prompt>),
    /// They may be others now, and are found when they are wanted next.
    OtherPrompts,
    /// The files that fit what was asked for.
    Files {
        query: String,
        found: Vec<FileMatch>,
    },
    /// Messages of earlier threads, the latest last.
    History(Vec<Message>),
    /// Goes with the message that is being written.
    Picture(Image),
    /// What an editor made of the text that is being written.
    Edited(String),
    /// A message that was sent is to be said anew: it takes the place of what is written.
    SayAgain(Message),
    /// Something is to be decided before there is a thread; what is chosen is [`Effect::Chosen`].
    Ask {
        title: String,
        choices: Vec<Choice>,
    },
    /// The same of something that must not be seen.
    AskSecret {
        title: String,
    },
    /// Further models that the person may want, by name.
    Models(Vec<String>),
    /// Those that can be gone on with.
    Threads {
        how: GoOn,
        threads: Vec<Choice>,
        /// So many others cannot be read.
        unreadable: usize,
    },
}

/// What is to be done about it, by whoever runs the screen; what comes of it is an [`Input`].
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Send(Message),
    /// Runs a command line of the person's own.
    Run(String),
    /// Ends a process that was left running.
    Stop {
        pid: u32,
    },
    Interrupt,
    Decide {
        call_id: String,
        decision: Decision,
    },
    Compact,
    /// Has changes reviewed: those described, else what is not committed.
    Review(String),
    /// The thread that is shown ends, and this comes next.
    Open(Next),
    /// This model answers from here on.
    UseModel(String),
    /// The model thinks for so long from here on.
    UseEffort(String),
    /// Gives the thread a name, or takes it away.
    Name(String),
    /// The last of those that were not heard yet.
    TakeBack(Unheard),
    ShowPermissions,
    ChangeRules(RuleChange),
    /// Shows all that the call of this id printed, which is more than is known.
    ShowOutput {
        call_id: String,
        title: String,
        known: String,
    },
    /// Finds the same for whoever followed the command of this item; what comes of it is [`Input::Output`].
    FindOutput {
        item_id: String,
        call_id: String,
        known: String,
    },
    /// Shows what the thread changed; what a turn did is known a moment after its end.
    ShowDiff {
        turn_runs: bool,
    },
    /// Shows where the thread's time and bytes went.
    ShowTrace,
    /// Puts text into the clipboard.
    Copy(String),
    /// Writes text to a file; to one of its own without a name.
    Write {
        path: Option<PathBuf>,
        text: String,
    },
    /// The answer to [`Input::Ask`].
    Chosen(String),
    FindPrompts,
    /// Looks for models that the facts do not name.
    FindModels,
    /// Looks what is checked out; what comes of it is [`Input::Branch`].
    FindBranch,
    /// Finds out how much goes into the window.
    FindWindow,
    /// So many tokens go into the window of this model.
    UseWindow {
        model: String,
        tokens: u64,
    },
    FindFiles(String),
    /// Takes the picture that is in the clipboard; what comes of it is [`Input::Picture`].
    TakePicture,
    /// Lets the person write in an editor.
    Edit(String),
    FindThreads(GoOn),
    /// Takes these colours; the screen does that itself, as it knows what the terminal says.
    Dress(Scheme),
    Leave,
}

/// Whether a directory is trusted, and its own configuration as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustQuestion {
    pub directory: String,
    /// Nobody has said anything of the directory; else its files are asked about.
    pub is_new: bool,
    /// Those that would have effect, but for those that were accepted as they are.
    pub files: Vec<Changed>,
}

/// A file, and what became of it since the person was last asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub name: String,
    pub change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    New,
    Changed,
    Gone,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Gone => "gone",
        })
    }
}

/// What the person says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustAnswer {
    /// Both count.
    All,
    /// Of its files those count that did before.
    NotItsFiles,
    /// Neither counts.
    Nothing,
}

/// The thread that is shown next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    New,
    /// An earlier one, by what [`Input::Threads`] called it.
    Earlier(GoOn, String),
    /// The same one, with this sandbox.
    Sandbox(SandboxMode),
    /// The same one, with this policy.
    Approvals(ApprovalPolicy),
    /// The same one, with this key for its provider.
    Key(String),
    /// The same one, after this was said of its directory; what was held back until then is done by [`Input::Do`].
    Trust {
        answer: TrustAnswer,
        then: Vec<Effect>,
    },
    /// The same one, as it was before a turn, counted from 1.
    Rewind {
        turn: u32,
        scope: Scope,
    },
    /// The same one, after the files that its last turn changed were put back.
    Undo,
    /// The same one, after its last undo was taken back.
    Redo,
}

/// What goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Conversation,
    Files,
    Both,
}

/// How an earlier thread is gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoOn {
    Resume,
    /// In a new thread that begins with all of it; the earlier one stays as it is.
    Fork,
}

/// A text to be read on the whole terminal.
#[derive(Clone, Debug, PartialEq)]
pub enum Page {
    Plain(String),
    Entries(Vec<PageEntry>),
    Markdown(String),
    /// Unified.
    Diff(String),
}

/// A row of a page that names things and says what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageEntry {
    Heading(&'static str),
    Named { name: String, says: String },
}

/// One of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What the command is given that opened the list.
    pub value: String,
    pub label: String,
    pub note: String,
    /// It belongs to this directory, or it belongs nowhere.
    pub is_here: bool,
    /// It is in effect.
    pub is_current: bool,
}

/// What the records of a thread do not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub effort: Option<String>,
    /// Tokens.
    pub context_window: Option<u64>,
    /// Whoever answers may know better, and is to be asked when a first answer is there.
    pub asks_window: bool,
    pub branch: Option<String>,
    /// Whoever runs the screen looks what is checked out when asked: it may be another at any time, also where there was no
    /// repository.
    pub finds_branch: bool,
    /// No turn begins before this is answered.
    pub asks_trust: Option<TrustQuestion>,
    /// What the line below the composer says; none leaves it to us.
    pub status_line: Option<Vec<String>>,
    /// Those the person may want.
    pub models: Vec<String>,
}
