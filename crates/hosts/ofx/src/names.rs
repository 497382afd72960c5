//! Names of OpenFX 1.4 that are used here.

use std::ffi::CStr;

macro_rules! names {
    ($($name:ident = $text:literal;)*) => {
        $(pub const $name: &CStr = $text;)*
    };
}

names! {
    API = c"OfxImageEffectPluginAPI";

    PROPERTY_SUITE = c"OfxPropertySuite";
    EFFECT_SUITE = c"OfxImageEffectSuite";
    PARAMETER_SUITE = c"OfxParameterSuite";
    PROGRESS_SUITE = c"OfxProgressSuite";
    MESSAGE_SUITE = c"OfxMessageSuite";

    LOAD = c"OfxActionLoad";
    UNLOAD = c"OfxActionUnload";
    DESCRIBE = c"OfxActionDescribe";
    CREATE_INSTANCE = c"OfxActionCreateInstance";
    DESTROY_INSTANCE = c"OfxActionDestroyInstance";
    PURGE_CACHES = c"OfxActionPurgeCaches";
    DESCRIBE_IN_CONTEXT = c"OfxImageEffectActionDescribeInContext";
    REGION_OF_DEFINITION = c"OfxImageEffectActionGetRegionOfDefinition";
    REGIONS_OF_INTEREST = c"OfxImageEffectActionGetRegionsOfInterest";
    RENDER = c"OfxImageEffectActionRender";

    CONTEXT_GENERATOR = c"OfxImageEffectContextGenerator";
    CONTEXT_FILTER = c"OfxImageEffectContextFilter";
    CONTEXT_GENERAL = c"OfxImageEffectContextGeneral";
    OUTPUT = c"Output";
    SOURCE = c"Source";

    PROP_LABEL = c"OfxPropLabel";
    PROP_TIME = c"OfxPropTime";
    PROP_INSTANCE_DATA = c"OfxPropInstanceData";
    PROP_DESCRIPTION = c"OfxPropPluginDescription";
    GROUPING = c"OfxImageEffectPluginPropGrouping";
    SUPPORTED_CONTEXTS = c"OfxImageEffectPropSupportedContexts";
    SUPPORTED_DEPTHS = c"OfxImageEffectPropSupportedPixelDepths";
    SUPPORTED_COMPONENTS = c"OfxImageEffectPropSupportedComponents";
    SUPPORTS_TILES = c"OfxImageEffectPropSupportsTiles";
    SUPPORTS_RESOLUTIONS = c"OfxImageEffectPropSupportsMultiResolution";
    THREAD_SAFETY = c"OfxImageEffectPluginRenderThreadSafety";
    INSTANCE_SAFE = c"OfxImageEffectRenderInstanceSafe";
    HOST_FRAME_THREADING = c"OfxImageEffectPluginPropHostFrameThreading";
    PROJECT_EXTENT = c"OfxImageEffectPropProjectExtent";
    PROJECT_OFFSET = c"OfxImageEffectPropProjectOffset";
    PROJECT_SIZE = c"OfxImageEffectPropProjectSize";
    REGION_OF_DEFINITION_PROP = c"OfxImageEffectPropRegionOfDefinition";
    RENDER_SCALE = c"OfxImageEffectPropRenderScale";
    RENDER_WINDOW = c"OfxImageEffectPropRenderWindow";
    SOURCE_INTEREST = c"OfxImageClipPropRoI_Source";

    DEPTH = c"OfxImageEffectPropPixelDepth";
    DEPTH_BYTE = c"OfxBitDepthByte";
    DEPTH_FLOAT = c"OfxBitDepthFloat";
    COMPONENTS = c"OfxImageEffectPropComponents";
    RGBA = c"OfxImageComponentRGBA";
    RGB = c"OfxImageComponentRGB";
    IMAGE_DATA = c"OfxImagePropData";
    IMAGE_ROW_BYTES = c"OfxImagePropRowBytes";
    IMAGE_BOUNDS = c"OfxImagePropBounds";

    PARAM_STRING = c"OfxParamTypeString";
    PARAM_INTEGER = c"OfxParamTypeInteger";
    PARAM_DOUBLE = c"OfxParamTypeDouble";
    PARAM_BOOLEAN = c"OfxParamTypeBoolean";
    PARAM_CHOICE = c"OfxParamTypeChoice";
    PARAM_DEFAULT = c"OfxParamPropDefault";
    PARAM_MIN = c"OfxParamPropMin";
    PARAM_MAX = c"OfxParamPropMax";
    PARAM_DISPLAY_MIN = c"OfxParamPropDisplayMin";
    PARAM_DISPLAY_MAX = c"OfxParamPropDisplayMax";
    PARAM_HINT = c"OfxParamPropHint";
    PARAM_ANIMATES = c"OfxParamPropAnimates";
    PARAM_STRING_MODE = c"OfxParamPropStringMode";
    STRING_FILE = c"OfxParamStringIsFilePath";
    STRING_LINES = c"OfxParamStringIsMultiLine";
    PARAM_CHOICE_OPTION = c"OfxParamPropChoiceOption";

    MESSAGE_ERROR = c"OfxMessageError";
}
