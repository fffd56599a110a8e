//! What the model may do on this machine: the tools it is offered, the policy that judges each call, and the
//! sandbox every command and file operation runs in. Whether and when a call is made is `agent-core`'s business.

mod account;
mod apply_patch;
mod arguments;
mod exec_command;
mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod grep_files;
mod ignore_files;
mod job;
mod list_dir;
mod live;
mod login_environment;
#[cfg(feature = "measuring")]
#[doc(hidden)]
pub mod measuring;
mod output;
mod own_environment;
mod patch;
mod policy;
mod process;
mod read_file;
mod redact;
mod sandbox;
mod search_path;
mod sessions;
mod shared;
mod terminal;
mod toolbox;
mod update_plan;
mod view_image;
mod write_stdin;

pub use account::shell_of_account;
pub use apply_patch::apply_patch_to;
pub use exec_command::output_file;
pub use files::{entries, real_path};
pub use ignore_files::{Fate, IgnoreRules, is_store};
pub use login_environment::{LoginPolicy, LoginVariables};
pub use own_environment::OwnEnvironment;
pub use patch::{
    PatchPreview, PatchRefusal, PatchSummary, PreviewedChange, UnifiedDiff, recover_patches,
    recover_patches_of_others,
};
pub use policy::{
    FOR_THIS_THREAD, Policy, Question, RuleCheck, RuleError, RuleFiles, Rules, Verdict,
};
pub use redact::Secrets;
pub use sandbox::{
    Exit, Hidden, NotStarted, SandboxError, SecretPlaces, Tier, TierReport, confined_main,
    is_obeyed, obeyed_through_links, persons_places, probe, run_confined, secret_places,
};
pub use sessions::Reaped;
pub use shared::Shared;
pub use toolbox::{PlayedBack, Prepared, Progress, Rejection, ToolOutput, Toolbox, ToolboxConfig};
pub use view_image::image_content;
