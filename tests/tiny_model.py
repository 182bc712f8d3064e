"""A tiny chat model made by code: real Llama architecture, real tokenizer, random weights, under two megabytes.

It says nothing sensible. It is small enough to train, to serve with vLLM and to compare with PEFT in a test, and it
is the same bytes for the same seed.
"""

from pathlib import Path
from typing import Any

HIDDEN = 128
HEADS = 4  # of 32 dimensions each, which vLLM's attention kernels take
LAYERS = 2
CONTEXT = 1024
VOCABULARY_MULTIPLE = 64
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

CORPUS = """
My bike squeaks when I brake. Bring it in and we will look at the pads for you today.
How do I fix a flat tyre? Take the wheel off, find the hole, patch it, and pump it up again.
The chain keeps falling off the small ring. Would you like to book a service on Friday morning?
Which lock should I buy for the city? A heavy one. Next step: come by and try two of them.
system user assistant You are a helpful shop assistant. Please answer in two short sentences.
What time do you open on Saturday, and can you order a new saddle for my daughter's bicycle?
We open at nine. Thank you for asking! See you soon, and ride safely, all the way home.
The gears slip under load, the lamp is broken, the bell is loose, the rack is bent, the seat is low.
"""


def make_tiny_model(path: Path, seed: int = 0) -> Path:
    """The directory now holds a model that transformers, PEFT and vLLM load: config, float32 weights, tokenizer and a
    ChatML template. A whole multiple of 64 tokens, every one of which the tokenizer knows."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS // 2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.1,  # wide enough for the likeliest token to be clearly the likeliest
        tie_word_embeddings=False,
        bos_token_id=tokenizer.convert_tokens_to_ids(START),
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).to(torch.float32)
    path.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        min_frequency=2,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS.splitlines(), trainer)
    missing = -tokenizer.get_vocab_size() % VOCABULARY_MULTIPLE
    tokenizer.add_special_tokens([f"<|unused_{index}|>" for index in range(missing)])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, unk_token=PAD, model_max_length=CONTEXT
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped
