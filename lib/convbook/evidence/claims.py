"""The lecture's claims, one by one: where each is proved or measured, what had to be corrected, what is to be known."""

from dataclasses import dataclass

from convbook.evidence.results import is_stale, names, read
from convbook.evidence.verdicts import VERDICTS


@dataclass(frozen=True)
class Claim:
    """One claim of the lecture.

    Attributes:
        name: its id; a measured claim has a result of the same name.
        sentence: the claim, short.
        chapters: numbers of the chapters that test it.
        proofs: ids of the cells in these chapters whose assertions would fail if it were wrong; empty where it is
            only measured.
        correction: what had to be put right, for a claim that holds with a correction; else empty.
        condition: where what was measured needs an explanation: the condition under which the claim holds, or what is
            to be known of it; else empty.
    """

    name: str
    sentence: str
    chapters: tuple[int, ...]
    proofs: tuple[str, ...] = ()
    correction: str = ""
    condition: str = ""


CLAIMS = (
    Claim(
        "shapes-3d", "Conv2D and MaxPooling2D give 3D tensors: height, width, channels", (1,), proofs=("shape-28-28-1",)
    ),
    Claim(
        "channels",
        "The place of the channels is configurable, and other libraries put them first",
        (1,),
        proofs=("assert-maps-last-shape-9",),
    ),
    Claim(
        "dense-global",
        "Dense layers learn global patterns, convolutions local ones",
        (1,),
        proofs=("keras-utils-set-random-s-2", "permuted-net-models-buil"),
        condition="Small coarse digits leave a convnet little to lose when their pixels change places; on MNIST it "
        "loses clearly, and the Dense net nothing.",
    ),
    Claim(
        "equivariance",
        "A pattern learned in one corner is recognized anywhere",
        (2,),
        proofs=("kernel-np-random-default", "def-strided-picture"),
        condition="True of the map, and of a network that forgets the place by global pooling. A convnet with Flatten "
        "does not recognize it elsewhere, and strides let it see only every second place.",
    ),
    Claim(
        "hierarchy",
        "First layers see edges, later layers larger patterns made of them",
        (2, 4),
        proofs=("field-shapes-receptive-f",),
    ),
    Claim(
        "output-depth",
        "The depth of the output is a parameter: 64 filters give 64 response maps",
        (2,),
        proofs=("picture-eye-255-0",),
    ),
    Claim(
        "presence",
        "A response map says where the pattern of its filter is present",
        (2,),
        condition="In strong noise a first layer's map peaks at the planted place far more often than by chance, and "
        "still misses more often than it hits. That covering the peak of a deeper map costs the class more than "
        "covering as much ink elsewhere was not shown.",
    ),
    Claim(
        "patches",
        "Each patch times the kernel gives one vector of the output, with the same kernel for every patch",
        (2,),
        proofs=("patches-operations-extra",),
    ),
    Claim(
        "indexing",
        "output[i, j, :] comes from input[i-1 : i+1, j-1 : j+1, :]",
        (2,),
        proofs=("touched-picture-copy",),
        correction="NumPy's slices end before their second number, so it must be i+2; and the index fits padding "
        '"same", with "valid" it is shifted by one.',
    ),
    Claim(
        "parameters",
        "Patches of 3×3 or 5×5, depth from 32 to 64",
        (2,),
        proofs=("def-weights-kernel-size-",),
        correction="The lecture's (26, 26, 64) belongs to another model than its depths from 32 to 64.",
    ),
    Claim(
        "border",
        "A 3×3 window over 28×28 gives 26×26",
        (3,),
        proofs=("starts-row-for-row-in-ra", "steps-1-1-2-1-3-1-4-1-1-"),
    ),
    Claim(
        "same",
        'Padding "same" keeps height and width',
        (3,),
        proofs=("print-3-3-stride-2-n-siz", "print-28-rows-3-3-stride"),
        correction="With a stride of 1. With larger ones the size is divided by the stride and rounded up, and an odd "
        "zero goes to the end.",
    ),
    Claim(
        "stride-2",
        "A stride of 2 downsamples by a factor of 2",
        (3,),
        proofs=("print-3-3-stride-2-n-siz",),
        correction='With 3×3 windows exactly half only for even sizes with "same"; with "valid" 28 becomes 13.',
    ),
    Claim("pool-fixed", "Max pooling is hard-coded, nothing is learned", (4,), proofs=("generator-np-random-defa",)),
    Claim(
        "pool-halves",
        "Windows of 2×2 with a stride of 2 halve the map",
        (4,),
        proofs=("generator-np-random-defa",),
        correction="Odd sizes are halved and rounded down: the last row or column is left out.",
    ),
    Claim(
        "downsample",
        "Without downsampling later layers see small windows, and the model is costly",
        (4,),
        proofs=("print-f-weights-with-78-", "for-name-stack-in-withou"),
        condition="Seeing far is what pays: dilation does so at full cost. With Flatten on top, where the classifier "
        "sees the whole picture anyway, pooling saved weights and brought no accuracy that was shown.",
    ),
    Claim(
        "into-channels",
        "Downsampling makes information less spatial and moves it into the channels",
        (4,),
        condition="The direction holds. Where a map has many places, the probe overstates how much.",
    ),
    Claim(
        "max-vs-mean",
        "The maximal presence of a pattern says more than the average presence",
        (4,),
        condition="On digits the lead over the average is smaller than what would matter. On drawings some networks "
        "never began to learn, and some learned and did badly on new pictures: the experiment cannot part the two.",
    ),
    Claim(
        "dataset",
        "A Dataset hands out batches; map, shuffle, cache and prefetch change it",
        (5,),
        proofs=("numbers-tf-data-dataset-", "decoded"),
    ),
    Claim(
        "small-data",
        "A convnet trained from scratch on few pictures overfits",
        (6,),
        condition="The loss on new pictures rises again; their accuracy need not fall with it.",
    ),
    Claim("more-pictures", "The gap closes as pictures are added", (6,)),
    Claim(
        "never-twice",
        "With augmentation a model does not see the same picture twice",
        (7,),
        proofs=("augmentation-keras-seque", "def-lighter-images-train"),
        correction="Unless something is cached behind it, or it has few versions to give: a flip has two.",
    ),
    Claim(
        "augment-helps",
        "Augmentation regularizes",
        (7,),
        condition="Where there is time: it slows learning. In trials that were not recorded, with half as many "
        "updates, it was hardly ahead.",
    ),
    Claim(
        "augment-place",
        "Augmentation goes into the model or into the data pipeline",
        (7,),
        proofs=("train-folder-pictures-fo",),
        condition="If all else is equal: in a first recording one network alone got its pictures in a new order in "
        "each epoch, and won.",
    ),
    Claim(
        "augment-train-only",
        "Augmentation is not applied to validation and test pictures",
        (7,),
        proofs=("without-set-weights-mode",),
        condition="Augmented test pictures make the score a lottery. That they are harder, five sets leave undecided "
        "by a hair. That averaging over many versions helps was not shown.",
    ),
    Claim("augment-strength", "Random transformations should yield believable pictures", (7,)),
    Claim(
        "recipes",
        "On photos our recipe from scratch beats the best-known book's, and augmentation helps both (the book's own)",
        (7,),
        condition="The published recipe was trained with augmentation only once, too seldom for a verdict. Ours gained "
        "by augmentation in each of three seeds, by amounts that lie too far apart to decide it.",
    ),
    Claim(
        "recipes-pace",
        "Our recipe takes less than half of the time that the best-known book's takes (the book's own)",
        (7,),
    ),
    Claim("generic", "Features learned on some classes serve others", (8,)),
    Claim(
        "large-enough",
        "If the original data set is large enough, its features are a generic model of the visual world",
        (8,),
        condition="More pictures and more kinds of things make a better base. A handful of each was not shown to beat "
        "random weights, and where the curve flattens is open.",
    ),
    Claim(
        "early-late",
        "Earlier layers are generic, later ones abstract",
        (8,),
        condition="Deeper features serve new classes better, too; it is their lead on the old classes that grows.",
    ),
    Claim(
        "no-old-classifier",
        "Do not reuse the dense classifier",
        (8,),
        condition="Its probabilities are a bad start. The logits from which they are computed were about as good as "
        "equally many numbers of the features.",
    ),
    Claim("converter", "The ImageConverter rescales pictures to what the checkpoint expects", (8,), proofs=("ranges",)),
    Claim(
        "option-1-no-augment",
        "Option 1 cannot use augmentation, option 2 can",
        (9,),
        proofs=("augmentation-keras-seque",),
    ),
    Claim(
        "option-1-cheap",
        "Option 1 runs the base once and is cheap; option 2 is more expensive",
        (9, 10),
        condition="The cost is beyond doubt. What augmentation then brings in accuracy is too small to matter on "
        "drawings; on photos it was not shown.",
    ),
    Claim(
        "frozen",
        "Freezing means that no weight of the base moves",
        (10,),
        proofs=("moved-transfer-changes-m",),
        correction="Where it is set before the first step after a compile; moving statistics are weights, too.",
    ),
    Claim(
        "five-steps",
        "The five steps of fine-tuning",
        (11,),
        proofs=("before-transfer-snapshot", "transfer-unfreeze-backbo", "model-set-weights-head-t"),
        correction="Between the fourth step and the fifth the model must be compiled again.",
    ),
    Claim(
        "fine-tune-helps",
        "Fine-tuning adapts the abstract features to the problem, and helps",
        (12,),
        condition="What it brings on top of a good head is small, and needs more seeds than these, or a base that is "
        "further from the task.",
    ),
    Claim(
        "error-signal",
        "With an untrained classifier the error signal is too large",
        (11,),
        condition="The error at the top is larger. The gradient that arrives at the base is longer on training "
        "pictures, in the mean by less than a doubling; on new pictures the difference is too small to matter.",
    ),
    Claim(
        "head-first",
        "Unfreezing before the classifier is trained destroys what the base has learned",
        (12,),
        condition="With Adam at a low rate it lets the base drift several times as far: on photos enough to matter, on "
        "drawings not, and what is lost there of the old classes is too small to matter. What destroys a base is a "
        "rate that is too high, whether the head was trained first or not.",
    ),
    Claim(
        "low-rate",
        "Fine-tune with a low learning rate (the book's own rule)",
        (12,),
        condition="Far too high a rate ruins the model. A rate that is ten times higher lets the base drift and "
        "forget; a loss on the task itself was not shown.",
    ),
    Claim(
        "batchnorm",
        "Do not unfreeze batch normalization",
        (11, 12),
        proofs=("ways-unfrozen-unfrozen-c", "def-moving-mean-after-fi"),
        condition="Frozen statistics stay exactly. Moving ones cost accuracy on dark drawings and on photos, most with "
        "a quick momentum. With batches of 4 photos and a very slow one, frozen was worse; the rest is open or too "
        "small to matter.",
    ),
    Claim(
        "partial",
        "Tune the top blocks: their features are specialized, and more weights risk overfitting",
        (12,),
        condition="On drawings it makes no difference that was shown: the base and the task are too close, and the "
        "base has few weights. The gap on few pictures was not larger with all blocks.",
    ),
    Claim(
        "five-methods",
        "From scratch, augmented, features, fine-tuned: the order of the lecture",
        (13,),
        condition="Features of a base are the great step, decided on drawings and on photos. Augmentation before it is "
        "decided on drawings. Fine-tuning after it is too small to matter there; on photos it gained, in the mean by "
        "less than would matter.",
    ),
)


@dataclass(frozen=True)
class Standing:
    """What is known of one claim.

    Attributes:
        claim: the `Claim`.
        results: tuples (name of a result, kind of data, {verdict: number of its effects}, whether it is stale, which is
            to say that its experiment has changed since it was measured).
    """

    claim: Claim
    results: tuple

    @property
    def verdict(self):
        """In words: of the proof, and of what was measured, for each kind of data."""
        words = []
        if self.claim.proofs:
            words.append("holds, with a correction" if self.claim.correction else "holds")
        for _, kind, counts, stale in self.results:
            total = sum(counts.values())
            said = ", ".join(f"{count} of {total} {verdict}" for verdict, count in counts.items())
            said = next(iter(counts)) if len(counts) == 1 else said
            words.append(f"measured on {kind}: {said}{' (stale)' if stale else ''}")
        return "; ".join(words)


def standings(folder=None):
    """Collect what is known of each claim.

    Args:
        folder: where the results are; without it, those that come with the package.

    Returns:
        List of `Standing`, in the order of the book.

    Raises:
        ValueError: if a result's file is broken.

    Example:
        >>> {each.claim.name: each.verdict for each in standings()}["stride-2"]
        'holds, with a correction'
    """
    found = {}
    for name in names(folder):
        result = read(name, folder)
        verdicts = [effect["verdict"] for effect in result["effects"]]
        counts = {verdict: verdicts.count(verdict) for verdict in VERDICTS if verdict in verdicts}
        found.setdefault(result["claim"], []).append((name, result["data"]["kind"], counts, is_stale(result)))
    return [Standing(claim, tuple(found.get(claim.name, ()))) for claim in CLAIMS]
