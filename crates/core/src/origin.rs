//! Marks pictures that a model made.

/// Share of a picture's pixels that a trained model made. The names and meanings are those of IPTC's digital source types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// All pixels made by a model: `trainedAlgorithmicMedia`.
    Trained,
    /// Partly made by a model, as in inpainting: `compositeWithTrainedAlgorithmicMedia`.
    Composite,
}

impl Origin {
    /// IPTC's name of the source type.
    pub fn source_type(self) -> &'static str {
        match self {
            Origin::Trained => "trainedAlgorithmicMedia",
            Origin::Composite => "compositeWithTrainedAlgorithmicMedia",
        }
    }

    /// An XMP packet with the source type, for a picture file. It contains no time, so that equal pictures stay equal.
    pub fn xmp(self) -> String {
        format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
             <x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n \
             <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n  \
             <rdf:Description rdf:about=\"\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" \
             xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">\n   \
             <xmp:CreatorTool>wuerst {}</xmp:CreatorTool>\n   \
             <Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/{}</Iptc4xmpExt:DigitalSourceType>\n  \
             </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"r\"?>",
            env!("CARGO_PKG_VERSION"),
            self.source_type()
        )
    }
}
