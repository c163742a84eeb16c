//! Segments, fields, repetitions, components: slices of the message, nothing is copied or unescaped.

/// The delimiters that a message declares in its first segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Delimiters {
    field: u8,
    component: u8,
    repetition: u8,
    subcomponent: u8,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self { field: b'|', component: b'^', repetition: b'~', subcomponent: b'&' }
    }
}

impl Delimiters {
    /// From `MSH|^~\&|` (or FHS, BHS): MSH-1 is the byte after the name, MSH-2 what stands before the next
    /// one. What MSH-2 leaves out keeps its usual value.
    ///
    /// `None` when MSH-1 or one of the others cannot separate text.
    pub(super) fn declared(segment: &[u8]) -> Option<Self> {
        let usual = Self::default();
        let field = *segment.get(3)?;
        let rest = segment.get(4..).unwrap_or_default();
        let coding = rest.split(|byte| *byte == field).next().unwrap_or_default();
        let at = |index: usize, usual: u8| coding.get(index).copied().unwrap_or(usual);
        let declared = Self {
            field,
            component: at(0, usual.component),
            repetition: at(1, usual.repetition),
            subcomponent: at(3, usual.subcomponent),
        };
        let separates = |byte: u8| byte.is_ascii_punctuation();
        let all = [declared.field, declared.component, declared.repetition, declared.subcomponent];
        all.iter().all(|byte| separates(*byte)).then_some(declared)
    }
}

/// One segment with its delimiters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'a> {
    /// Without its end.
    pub(super) bytes: &'a [u8],
    delimiters: Delimiters,
}

impl<'a> Segment<'a> {
    /// A segment without its end.
    pub(super) const fn new(bytes: &'a [u8], delimiters: Delimiters) -> Self {
        Self { bytes, delimiters }
    }

    /// The three letters it starts with; `None` where it is no segment but a stray line.
    pub(super) fn name(&self) -> Option<&'a [u8; 3]> {
        let name: &[u8; 3] = self.bytes.first_chunk()?;
        let plain = name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let ended = self.bytes.get(3).is_none_or(|byte| *byte == self.delimiters.field);
        (plain && ended).then_some(name)
    }

    /// Whether `byte` separates fields or parts of them.
    pub(super) const fn is_delimiter(&self, byte: u8) -> bool {
        let Delimiters { field, component, repetition, subcomponent } = self.delimiters;
        byte == field || byte == component || byte == repetition || byte == subcomponent
    }

    /// Every field with its number of the standard and its offset in the segment, the name left out.
    pub(super) fn fields(&self) -> impl Iterator<Item = (usize, usize, &'a [u8])> + use<'a> {
        // In a header the separator after the name is the first field.
        let shift = usize::from(matches!(self.bytes.first_chunk(), Some(b"MSH" | b"FHS" | b"BHS")));
        let mut at = 0;
        let fields = self.bytes.split({
            let separator = self.delimiters.field;
            move |byte| *byte == separator
        });
        fields.enumerate().filter_map(move |(index, bytes)| {
            let start = at;
            at += bytes.len() + 1;
            (index > 0).then_some((index + shift, start, bytes))
        })
    }

    /// Field `number` of the standard, empty where absent. Of MSH, FHS and BHS, field 1 is the separator
    /// itself, so 2 is the first that can be asked for.
    pub(super) fn field(&self, number: usize) -> Part<'a> {
        let header = matches!(self.bytes.first_chunk(), Some(b"MSH" | b"FHS" | b"BHS"));
        let index = if header { number.saturating_sub(1) } else { number };
        let bytes = self.bytes.split(|byte| *byte == self.delimiters.field).nth(index).unwrap_or_default();
        Part { bytes, delimiters: self.delimiters }
    }
}

/// A field or a repetition of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// As on the wire, without surrounding blanks.
    pub(super) bytes: &'a [u8],
    delimiters: Delimiters,
}

impl<'a> Part<'a> {
    /// The first repetition.
    pub(super) fn first(&self) -> Self {
        self.repetitions().next().unwrap_or(*self)
    }

    /// All repetitions.
    pub(super) fn repetitions(&self) -> impl Iterator<Item = Self> + use<'a> {
        let delimiters = self.delimiters;
        self.bytes
            .split(move |byte| *byte == delimiters.repetition)
            .map(move |bytes| Self { bytes, delimiters })
    }

    /// Component `number`, from 1, of the first repetition, without surrounding blanks; empty where absent.
    /// The HL7 null `""` counts as absent.
    pub(super) fn component(&self, number: usize) -> &'a [u8] {
        let delimiter = self.delimiters.component;
        let repetition = self.first().bytes;
        let component = repetition.split(|byte| *byte == delimiter).nth(number.wrapping_sub(1));
        let component = component.unwrap_or_default().trim_ascii();
        if component == b"\"\"" { &[] } else { component }
    }

    /// First subcomponent of a component.
    pub(super) fn subcomponent(&self, number: usize) -> &'a [u8] {
        let delimiter = self.delimiters.subcomponent;
        self.component(number).split(|byte| *byte == delimiter).next().unwrap_or_default()
    }

    /// Whether anything but delimiters stands in it.
    pub(super) fn says_something(&self) -> bool {
        let Delimiters { component, repetition, subcomponent, .. } = self.delimiters;
        let silent = [component, repetition, subcomponent, b'"', b' '];
        self.bytes.iter().any(|byte| !silent.contains(byte))
    }
}
