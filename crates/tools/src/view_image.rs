//! Shows the model an image: decoded within limits, turned the right way up, shrunk and encoded anew, so that
//! neither hidden data of the file nor a picture larger than models look at travels.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use agent_protocol::{Content, ImageDetail, ToolCall, ToolSpec};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::job::{Job, looking};
use crate::{Hidden, Prepared, Rejection, ToolOutput, Toolbox, ToolboxConfig, arguments, files};

pub(crate) const NAME: &str = "view_image";

/// Longest side in pixels. Endpoints shrink further, each as its models need (768 on the short side, 1,568 on the
/// long one, 1,536 patches); none looks at more than this unless asked to, and text on a screenshot stays readable.
const MAX_SIDE: u32 = 2_048;
/// Longest side of a file, and bytes of its pixels: what a small file can claim to unpack to.
const MAX_FILE_SIDE: u32 = 20_000;
const MAX_PIXEL_BYTES: u64 = 256 << 20;
/// Bytes of a PNG; a larger one is sent as JPEG. As base64 it stays below the 5 MB some endpoints take.
const MAX_PNG: usize = 3 << 20;
const JPEG_QUALITY: u8 = 85;

pub(crate) fn spec(_config: &ToolboxConfig) -> ToolSpec {
    ToolSpec::Function {
        name: NAME.into(),
        description: "Look at an image file (png, jpeg, gif, webp).".into(),
        strict: false,
        parameters: json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "Absolute, or relative to the working directory."}
            },
            "required": ["path"],
            "additionalProperties": false
        }),
    }
}

#[derive(Deserialize)]
struct Args {
    #[serde(alias = "file_path")]
    path: PathBuf,
}

pub(crate) fn prepare(toolbox: &Toolbox, call: &ToolCall) -> Result<Prepared, Rejection> {
    let config = toolbox.config();
    let Args { path } = arguments::parse(call, &spec(config))?;
    let job = ViewImage { path: config.cwd.join(&path), subject: files::one_line(&path) };
    let details = looking(NAME, job.subject.clone());
    let path = files::resolved(&config.cwd, &path);
    Ok(Job::ViewImage(job).looking(toolbox, path, details))
}

/// An image of the person's own, for a message: shrunk and encoded as the tool would show it.
///
/// # Errors
/// When it cannot be read or is no image, and when a link leads to it from elsewhere and it is `hidden`; the text names
/// the file.
pub fn image_content(path: &Path, hidden: &Hidden) -> Result<Content, String> {
    let (file, _) = files::open_regular(path)?;
    if hidden.is_behind(path, &file) {
        return Err(format!("{}: a link leads to what is hidden from commands", path.display()));
    }
    let view = view(path, file)?;
    Ok(Content::Image { image_url: view.url, detail: ImageDetail::High })
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ViewImage {
    path: PathBuf,
    pub(crate) subject: String,
}

impl ViewImage {
    pub(crate) fn perform(self) -> ToolOutput {
        let viewed = files::open_regular(&self.path).and_then(|(file, _)| view(&self.path, file));
        match viewed {
            Ok(view) => {
                let text = format!("{}: {}", self.subject, view.summary);
                let image = Content::Image { image_url: view.url, detail: ImageDetail::High };
                let mut output = ToolOutput::found(NAME, self.subject, view.summary, text);
                output.content.push(image);
                output
            }
            Err(message) => ToolOutput::not_found(NAME, self.subject, message),
        }
    }
}

/// What is seen of the image that was opened at `path`.
fn view(path: &Path, file: File) -> Result<View, String> {
    let say = |what: String| format!("{}: {what}", path.display());
    let mut reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(|error| say(files::trouble(&error)))?;
    let format = reader
        .format()
        .filter(ImageFormat::reading_enabled)
        .ok_or_else(|| say("not an image that can be shown (png, jpeg, gif, webp)".into()))?;
    reader.limits(limits());
    let image = decode(reader).map_err(|error| say(describe(&error)))?;
    View::of(&image, format).map_err(|error| say(describe(&error)))
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_FILE_SIDE);
    limits.max_image_height = Some(MAX_FILE_SIDE);
    limits.max_alloc = Some(MAX_PIXEL_BYTES);
    limits
}

fn decode(reader: ImageReader<BufReader<File>>) -> Result<DynamicImage, ImageError> {
    let mut decoder = reader.into_decoder()?;
    limits().reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn describe(error: &ImageError) -> String {
    match error {
        ImageError::Limits(_) => format!(
            "the image is too large to be shown: at most {MAX_FILE_SIDE} pixels a side and {} MiB of pixels",
            MAX_PIXEL_BYTES >> 20
        ),
        other => format!("the image cannot be decoded: {other}"),
    }
}

/// An image as the model gets it.
struct View {
    /// A data URL.
    url: String,
    summary: String,
}

impl View {
    fn of(image: &DynamicImage, format: ImageFormat) -> Result<Self, ImageError> {
        let (width, height) = (image.width(), image.height());
        let shrunk = (width.max(height) > MAX_SIDE)
            .then(|| image.resize(MAX_SIDE, MAX_SIDE, FilterType::CatmullRom));
        let shown = shrunk.as_ref().unwrap_or(image);
        let (mime, bytes) = encode(shown, format)?;
        let size = match &shrunk {
            None => String::new(),
            Some(small) => format!(", shown as {}×{}", small.width(), small.height()),
        };
        let name = format!("{format:?}").to_lowercase();
        let url = format!("data:{mime};base64,{}", STANDARD.encode(bytes));
        Ok(Self { url, summary: format!("{name} image, {width}×{height} pixels{size}") })
    }
}

/// Photographs stay JPEG; all else becomes PNG, which keeps text sharp, unless that is too large.
fn encode(
    image: &DynamicImage,
    format: ImageFormat,
) -> Result<(&'static str, Vec<u8>), ImageError> {
    if format != ImageFormat::Jpeg {
        let mut png = Cursor::new(Vec::new());
        eight_bits(image).write_to(&mut png, ImageFormat::Png)?;
        if png.get_ref().len() <= MAX_PNG {
            return Ok(("image/png", png.into_inner()));
        }
    }
    let mut jpeg = Vec::new();
    image.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, JPEG_QUALITY))?;
    Ok(("image/jpeg", jpeg))
}

fn eight_bits(image: &DynamicImage) -> DynamicImage {
    if image.color().has_alpha() {
        DynamicImage::ImageRgba8(image.to_rgba8())
    } else {
        DynamicImage::ImageRgb8(image.to_rgb8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    fn view(path: &Path) -> ToolOutput {
        ViewImage { path: path.into(), subject: "picture".into() }.perform()
    }

    fn text(output: &ToolOutput) -> &str {
        match &output.content[0] {
            Content::Text { text } => text,
            Content::Image { .. } => panic!("the text comes first"),
        }
    }

    fn sent(output: &ToolOutput) -> (String, DynamicImage) {
        let Content::Image { image_url, .. } = &output.content[1] else { panic!("no image") };
        let (head, data) = image_url.split_once(";base64,").unwrap();
        (head.to_owned(), image::load_from_memory(&STANDARD.decode(data).unwrap()).unwrap())
    }

    #[test]
    fn a_small_image_is_sent_in_its_size_and_named() {
        let dir = tempfile::tempdir().unwrap();
        for (name, mime) in [
            ("a.png", "image/png"),
            ("a.jpg", "image/jpeg"),
            ("a.gif", "image/png"),
            ("a.webp", "image/png"),
        ] {
            let path = dir.path().join(name);
            RgbImage::from_pixel(30, 20, Rgb([200, 10, 10])).save(&path).unwrap();
            let output = view(&path);
            assert!(output.success);
            assert!(text(&output).ends_with(" image, 30×20 pixels"), "{}", text(&output));
            let (head, image) = sent(&output);
            assert_eq!((head, image.width(), image.height()), (format!("data:{mime}"), 30, 20));
        }
    }

    #[test]
    fn a_large_image_is_shrunk_in_proportion() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wide.png");
        RgbImage::new(4_096, 1_024).save(&path).unwrap();
        let output = view(&path);
        assert_eq!(text(&output), "picture: png image, 4096×1024 pixels, shown as 2048×512");
        let (_, image) = sent(&output);
        assert_eq!((image.width(), image.height()), (2_048, 512));
    }

    #[test]
    fn what_is_no_image_is_a_clear_failure() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        std::fs::write(&path, "no image").unwrap();
        let output = view(&path);
        assert!(!output.success && output.content.len() == 1);
        assert!(
            text(&output).ends_with("a.png: not an image that can be shown (png, jpeg, gif, webp)")
        );
        std::fs::write(&path, b"\x89PNG\r\n\x1a\nbroken").unwrap();
        assert!(text(&view(&path)).contains("cannot be decoded"));
    }

    #[test]
    fn an_image_that_claims_to_be_huge_is_not_unpacked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bomb.png");
        RgbImage::new(1, 1).save(&path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        for (side, expected) in [(60_000_u32, "too large"), (16_000, "too large")] {
            bytes[16..20].copy_from_slice(&side.to_be_bytes());
            bytes[20..24].copy_from_slice(&side.to_be_bytes());
            let crc = crc32(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&crc.to_be_bytes());
            std::fs::write(&path, &bytes).unwrap();
            let output = view(&path);
            assert!(text(&output).contains(expected), "{}", text(&output));
        }
    }

    /// Of a PNG chunk.
    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
        })
    }
}
