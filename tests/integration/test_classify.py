"""Answers: alone, in a list, under parallel requests; pairs, top_k, functions; models that cannot answer."""

import math
import threading
import unittest

from daemon import DaemonTest, make_tiny_bert, toy_rows

TEXTS = [t for t, _ in toy_rows(64, seed=9)]


class Classify(DaemonTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_tiny_bert(cls.daemon.folder / "models" / "sentiment", head_labels=["negative", "neutral", "positive"])
        make_tiny_bert(cls.daemon.folder / "models" / "owner" / "nested", head_labels=["no", "yes"])

    def classify(self, text, **members):
        answer = self.daemon.post("/classify", {"model": "sentiment", "input": text, **members})
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def test_alone_in_a_list_and_in_parallel_the_score_is_the_same(self):
        alone = [self.classify(t)["data"][0]["score"] for t in TEXTS]
        together = [r["score"] for r in self.classify(TEXTS)["data"]]
        parallel = [None] * len(TEXTS)

        def ask(k):
            for i in range(k, len(TEXTS), 32):
                parallel[i] = self.classify(TEXTS[i])["data"][0]["score"]

        threads = [threading.Thread(target=ask, args=(k,)) for k in range(32)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for other in (together, parallel):
            self.assertLess(max(abs(a - b) for a, b in zip(alone, other)), 1e-6)

    def test_the_answer_has_the_documented_shape(self):
        answer = self.classify(["good film", "bad film"], top_k=None)
        self.assertEqual(answer["object"], "list")
        self.assertTrue(answer["id"].startswith("cls_"))
        self.assertEqual([r["index"] for r in answer["data"]], [0, 1])
        first = answer["data"][0]
        self.assertEqual(len(first["scores"]), 3)
        self.assertEqual(first["scores"], sorted(first["scores"], key=lambda s: -s["score"]))
        self.assertEqual((first["label"], first["score"]), (first["scores"][0]["label"], first["scores"][0]["score"]))
        self.assertAlmostEqual(sum(s["score"] for s in first["scores"]), 1, places=6)
        self.assertEqual(first["tokens"], 4)
        self.assertEqual(answer["usage"], {"prompt_tokens": 8, "total_tokens": 8})

    def test_functions_agree_with_one_another(self):
        def scores(function):
            data = self.classify("good film", top_k=None, function_to_apply=function)["data"][0]["scores"]
            return {s["label"]: s["score"] for s in data}

        logits, soft, sigmoid = scores("none"), scores("softmax"), scores("sigmoid")
        total = sum(math.exp(v) for v in logits.values())
        for label, v in logits.items():
            self.assertAlmostEqual(soft[label], math.exp(v) / total, places=6)
            self.assertAlmostEqual(sigmoid[label], 1 / (1 + math.exp(-v)), places=6)

    def test_a_pair_differs_from_its_texts_and_from_the_pair_turned_round(self):
        ask = [{"text": "good film", "text_pair": "bad meal"}, {"text": "bad meal", "text_pair": "good film"},
               {"text": "good film"}, "good film"]
        scores = [r["score"] for r in self.classify(ask, top_k=1, function_to_apply="none")["data"]]
        self.assertNotAlmostEqual(scores[0], scores[1], places=6)
        self.assertAlmostEqual(scores[2], scores[3], places=6)

    def test_long_texts_are_cut_or_refused(self):
        text = "good film " * 200
        self.assertEqual(self.classify(text)["data"][0]["tokens"], 128)
        self.assertTrue(self.classify(text)["data"][0]["truncated"])
        answer = self.daemon.post("/classify", {"model": "sentiment", "input": ["good", text], "truncation": False})
        self.assertEqual(answer.status, 422)
        self.assertIn("1", answer.json["detail"])
        self.assertEqual(self.classify(text, max_length=10)["data"][0]["tokens"], 10)

    def test_the_empty_text_and_odd_characters_are_texts(self):
        for text in ("", " ", "\u0000", "\ud83d\ude00", "\u202e", "x" * 300, "[SEP]"):
            self.assertEqual(len(self.classify(text)["data"]), 1)

    def test_a_base_model_without_a_head_is_refused(self):
        answer = self.daemon.post("/classify", {"model": "tiny", "input": "good"})
        self.assertEqual(answer.status, 422, answer)
        self.assertIn("head", answer.json["detail"])

    def test_models_that_are_not_there_are_404(self):
        for name in ("nothing", "mdl_01J00000000000000000000000", "job_01J00000000000000000000000", "a/b"):
            self.assertEqual(self.daemon.post("/classify", {"model": name, "input": "x"}).status, 404, name)

    def test_names_never_leave_the_model_folder(self):
        for name in ("../models/sentiment", "/etc", ".", "..", "owner/../sentiment", "owner//nested", "a/b/c", ".hidden"):
            self.assertIn(self.daemon.post("/classify", {"model": name, "input": "x"}).status, (404, 422), name)
        self.assertEqual(self.classify("good", model="owner/nested")["model"], "owner/nested")

    def test_a_damaged_model_is_an_error_that_names_the_file(self):
        folder = self.daemon.folder / "models" / "damaged"
        make_tiny_bert(folder, head_labels=["a", "b"])
        (folder / "model.safetensors").write_bytes(b"\xff" * 100)
        answer = self.daemon.post("/classify", {"model": "damaged", "input": "x"})
        self.assertGreaterEqual(answer.status, 422)
        self.assertNotIn(str(self.daemon.folder), answer.body.decode())
        self.assertEqual(self.classify("good")["object"], "list")

    def test_tokenize_pads_and_cuts_as_asked(self):
        ask = {"model": "tiny", "input": ["good film", "a good film is good"], "padding": "longest"}
        data = self.daemon.post("/tokenize", ask).json["data"]
        self.assertEqual([len(r["input_ids"]) for r in data], [7, 7])
        self.assertEqual(data[0]["attention_mask"], [1, 1, 1, 1, 0, 0, 0])
        self.assertEqual(data[0]["tokens"][:4], ["[CLS]", "good", "film", "[SEP]"])
        ask.update(padding="max_length", max_length=5, truncation=True)
        data = self.daemon.post("/tokenize", ask).json["data"]
        self.assertEqual([len(r["input_ids"]) for r in data], [5, 5])
        self.assertEqual([r["truncated"] for r in data], [False, True])

    def test_the_default_model_answers_when_none_is_named(self):
        self.assertEqual(self.daemon.post("/classify", {"input": "x"}).status, 422)


class DefaultModel(DaemonTest):
    OPTIONS = {"default_model": "tiny-sentiment"}

    def test_the_default_model_answers_when_none_is_named(self):
        make_tiny_bert(self.daemon.folder / "models" / "tiny-sentiment", head_labels=["no", "yes"])
        answer = self.daemon.post("/classify", {"input": "good"})
        self.assertEqual((answer.status, answer.json["model"]), (200, "tiny-sentiment"))


if __name__ == "__main__":
    unittest.main()
